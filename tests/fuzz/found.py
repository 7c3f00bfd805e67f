"""What fuzzing has found, as it was found: what is called, and the smallest messages, in hex."""

FOUND: list[tuple[str, list[str]]] = []
