"""Rules of the house: what a shop wants in its lists, or not in them, whatever the model says."""
