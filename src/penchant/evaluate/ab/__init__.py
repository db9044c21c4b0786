"""An experiment judged by its log: what the people of each arm did after their first list."""
