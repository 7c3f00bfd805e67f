"""Runners: what is loaded once and asked by any thread or event loop."""
