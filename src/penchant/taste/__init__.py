"""A person's state: one step per event, kept in a bounded cache, made anew from the log."""
