"""The `learnwire` command."""

import sys


def main() -> None:
    """Run the command line, or say how to install what it needs."""
    try:
        from .cli import app
    except ImportError as error:
        sys.exit(f"learnwire: {error}; install the server with: pip install 'learnwire[service]'")
    app()


if __name__ == "__main__":
    main()
