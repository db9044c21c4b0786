"""Campaigns, prices and stock: what a shop may do. Cause is not correlation; a person approves."""
