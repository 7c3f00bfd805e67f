"""A typed contract for every model: its own messages, derived from its signature."""
