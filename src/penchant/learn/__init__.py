"""From the log to a promoted snapshot."""
