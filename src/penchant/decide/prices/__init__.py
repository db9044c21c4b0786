"""What a price does to demand, and which price to suggest: for an item, the same for everybody."""
