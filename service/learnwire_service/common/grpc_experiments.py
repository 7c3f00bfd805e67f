"""What of gRPC's core must be on before grpc is imported."""

import os
from collections.abc import MutableMapping

_KEY = "GRPC_EXPERIMENTS"
# Only with it the core bounds the calls that wait in front of a server. Not every release that is
# taken has it on by itself.
_BOUNDED = "optimization_04"


def bound_pending_calls(environment: MutableMapping[str, str] = os.environ) -> None:
    """Have the core bound the calls that wait, unless the user has said whether it is to."""
    chosen = environment.get(_KEY, "")
    if _BOUNDED not in chosen:
        environment[_KEY] = f"{chosen},{_BOUNDED}".removeprefix(",")
