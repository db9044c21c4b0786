"""The best items without scoring all of them in full: forms of the item table, and who keeps them in step."""
