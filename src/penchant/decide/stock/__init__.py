"""What will be sold, and what to order."""
