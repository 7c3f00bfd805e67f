"""Several processes that serve the same models on one port, and who keeps them."""
