"""Events: their form, their checks, their cleaning, and the ports of the log."""
