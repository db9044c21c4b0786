"""Pseudonyms, consent, keys, and the port that every store of personal data answers."""
