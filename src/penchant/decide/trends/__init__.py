"""What rises and fades in a shop, and what people look for that it does not sell."""
