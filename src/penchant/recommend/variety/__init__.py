"""Lists that are not all alike: within one, over a person's mix of categories, and between sellers."""
