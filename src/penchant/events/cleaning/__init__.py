"""Cleaning of the whole log: small named steps that mark and count. Nothing is deleted."""
