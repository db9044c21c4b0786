"""The last ordering of a list: features of candidates, and trees that were learned on top of taste."""
