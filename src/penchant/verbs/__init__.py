"""The verbs of the command: each opens the shop, does one thing, and says what came of it.

A file a kind, so that a verb waits only for the libraries that it needs.
"""
