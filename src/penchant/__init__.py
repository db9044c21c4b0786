"""Penchant follows what every shopper of an online shop likes, and recommends from it within milliseconds."""
