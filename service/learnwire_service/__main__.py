"""`python -m learnwire_service` is the `learnwire` command."""

from .cli import main

main()
