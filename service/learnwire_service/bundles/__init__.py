"""Bundles: a service or models with all that they need, to be served elsewhere."""
