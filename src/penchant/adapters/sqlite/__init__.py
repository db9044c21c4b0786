"""The stores of one shop on one machine, in one SQLite file."""
