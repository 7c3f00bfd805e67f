"""From the store, or from users' code, to a server and to its end."""
