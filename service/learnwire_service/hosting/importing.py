"""Services out of users' files and modules."""

import os
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from ..common.errors import LearnwireError, ServiceFailed, ServiceNotFound
from ..common.logs import get_logger
from ..services.endpoints.service import Service
from ..store.reference import Reference

_log = get_logger()


def import_service(reference: Reference) -> Service:
    """Import what a reference names, once in a process.

    As for scripts, the file's folder is put on `sys.path`; for a module the working directory.

    Raises:
        ServiceNotFound: there is no such file, module or name, or it is no Service.
        ServiceFailed: the file or module raised; the trace is in the log.
    """
    try:
        module = _file(reference) if reference.is_file else _module(reference.place)
    except ServiceNotFound:
        raise
    except LearnwireError as error:
        raise ServiceFailed(f"{reference.place} cannot be imported: {error}") from error
    except (Exception, SystemExit) as error:
        _log.error("import failed", file=reference.place, exc_info=error)
        problem = f"{type(error).__name__}: {error}"
        raise ServiceFailed(f"{reference.place} cannot be imported: {problem}") from error
    found = vars(module).get(reference.name)
    if isinstance(found, Service):
        return found
    services = ", ".join(name for name, one in vars(module).items() if isinstance(one, Service))
    problem = "has no" if found is None else f"has a {type(found).__name__}, not a Service, as"
    raise ServiceNotFound(
        f"{reference.place} {problem} {reference.name}; its services are: {services or 'none'}"
    )


def _module(name: str) -> ModuleType:
    _put_on_path(os.getcwd())
    return import_module(name)


def _file(reference: Reference) -> ModuleType:
    path = Path(reference.place).resolve()
    if not path.is_file():
        raise ServiceNotFound(f"there is no file {reference.place}")
    known = sys.modules.get(path.stem)
    if known is not None:
        if getattr(known, "__file__", None) == str(path):
            return known
        raise ServiceNotFound(
            f"{reference.place}: there is another module named {path.stem}; rename the file"
        )
    _put_on_path(str(path.parent))
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None  # noqa: S101 - it ends with .py
    assert spec.loader is not None  # noqa: S101 - as above
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _put_on_path(folder: str) -> None:
    if folder not in sys.path:
        sys.path.insert(0, folder)
