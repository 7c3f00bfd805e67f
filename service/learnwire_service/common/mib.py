"""MiB, in bytes."""

MIB = 2**20
