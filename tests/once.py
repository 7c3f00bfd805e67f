"""What the processes that run the tests share: made by the first that needs it, once a run."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from filelock import FileLock


def once(path: Path, make: Callable[[Path], object]) -> Path:
    """Have a file or folder made by one process, while the others wait for it."""
    with FileLock(f"{path}.lock"):
        if not path.exists():
            part = path.with_name(f"{path.name}.part")
            make(part)
            part.rename(path)
    return path


def learner_once(path: Path, train: Callable[[], Any]) -> Any:
    """Give a copy of a learner, with its data, that one process has trained and put there."""
    return pickle.loads(
        once(path, lambda part: part.write_bytes(cloudpickle.dumps(train()))).read_bytes()
    )


def store_once(path: Path, save: Callable[[], object], home: Path) -> None:
    """Copy into a home the models that one process has saved, in a store that it put there."""

    def make(store: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LEARNWIRE_HOME", str(store))
            save()

    shutil.copytree(once(path, make), home, dirs_exist_ok=True)
