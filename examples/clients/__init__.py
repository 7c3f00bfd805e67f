"""Clients in other languages, made from the .proto files alone: `make clients` runs them."""
