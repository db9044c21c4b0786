"""Products: items, feeds, the id table, and text turned into vectors."""
