"""What is named `package.module:name`, so that it can be imported where a model is served."""

import importlib
from typing import Any

from .errors import NotServable, UnloadableModel


def import_named(path: str, what: str) -> Any:
    """Import what `package.module:name` names.

    Args:
        path: its name.
        what: what it is to be, for errors: "adapter".

    Raises:
        UnloadableModel: its module is not installed here, or has nothing of that name.
        NotServable: it is not named so.
    """
    module, _, name = path.partition(":")
    if ":" not in path:
        raise NotServable(f'name the {what} as "package.module:name", got "{path}"')
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UnloadableModel(f'the {what} "{path}" cannot be imported: {error}') from error
