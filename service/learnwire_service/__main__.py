"""`python -m learnwire_service` is the `learnwire` command."""

from .cli.main import main

main()
