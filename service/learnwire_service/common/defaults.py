"""Where a server listens, and a client looks for one, unless told otherwise."""

HOST, PORT = "127.0.0.1", 50051
TARGET = f"{HOST}:{PORT}"
# The variable of the environment that tells commands another one.
TARGET_VARIABLE = "LEARNWIRE_TARGET"
