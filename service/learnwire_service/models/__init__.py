"""Saved models, as their users call them: save, get, load, list, seal, delete."""
