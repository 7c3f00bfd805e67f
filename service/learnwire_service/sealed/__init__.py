"""Runs sealed models: recipes and networks, without the libraries that made them."""
