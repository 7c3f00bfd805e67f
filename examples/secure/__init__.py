"""A server that only its callers get into, and that serves only models which a key signed."""
