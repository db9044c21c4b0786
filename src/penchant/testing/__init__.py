"""Contract tests as public classes, in-memory fakes, and simulated shops."""
