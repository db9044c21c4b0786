"""A few places of lists for what might be better than it is known to be, drawn with known chances."""
