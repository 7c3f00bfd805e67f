"""Figures of what goes on: counters and distributions."""
