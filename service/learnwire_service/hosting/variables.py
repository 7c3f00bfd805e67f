"""The environment variables LEARNWIRE_...: those that are none of ours are told."""

import os
import re

from ..common.defaults import OF_CLIENTS, TARGET_VARIABLE
from ..common.settings import ENVIRONMENT_PREFIX, FLAGS
from ..common.settings_file import VARIABLE as CONFIG_VARIABLE
from ..common.spelling import meant

# What Kubernetes sets in every pod beside a Service named learnwire, along with LEARNWIRE_PORT.
_SERVICE_LINK = re.compile(r"LEARNWIRE_(SERVICE_(HOST|PORT\w*)|PORT_\d+_\w+)")


def complaints() -> list[str]:
    """Say in a sentence each what is wrong with the names of this process's variables."""
    from ..observe.memory import SHARED_FOLDER
    from ..store.store import CACHE_VARIABLE, HOME_VARIABLE

    ours = {f"{ENVIRONMENT_PREFIX}{field.upper()}" for field in FLAGS}
    ours |= {HOME_VARIABLE, CACHE_VARIABLE, TARGET_VARIABLE, SHARED_FOLDER, CONFIG_VARIABLE}
    ours.update(OF_CLIENTS.values())
    unknown = sorted(name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX))
    return [_complaint(name, ours) for name in unknown if name not in ours]


def _complaint(name: str, ours: set[str]) -> str:
    if _SERVICE_LINK.fullmatch(name):
        return (
            f"{name} is not read: Kubernetes sets it for a Service named learnwire; "
            "enableServiceLinks: false in the pod's spec leaves it out"
        )
    return f"{name} is not read: there is no such setting{meant(name, ours)}"
