"""Envoy in front of a server, against overload."""
