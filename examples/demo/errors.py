"""What stops the demo."""


class DemoError(Exception):
    """The demo cannot go on; its text says why and what to do next."""
