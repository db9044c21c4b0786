"""Honest comparisons of models on a shop's own timeline."""
