"""Where a server listens, and a client looks for one, unless told otherwise."""

HOST, PORT = "127.0.0.1", 50051
TARGET = f"{HOST}:{PORT}"
# The variable of the environment that tells commands another one.
TARGET_VARIABLE = "LEARNWIRE_TARGET"
# The variables that tell them how to reach it, by their flags.
OF_CLIENTS = {
    name: f"LEARNWIRE_{name.upper()}"
    for name in ("tls", "tls_ca", "client_cert", "client_key", "token", "token_file")
}
