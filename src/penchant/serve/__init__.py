"""HTTP and the console: translation only, no logic."""
