"""What the files of a project import, told from their text: nothing is run."""

import ast
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_PACKAGE = "__init__.py"


def needed(root: Path, files: Iterable[str], places: Sequence[Path]) -> tuple[str, ...]:
    """Give some files of a project, and all others of it that they import, and so on.

    Args:
        root: the project's folder.
        files: where it begins, below the root.
        places: the folders where modules are looked for.

    Returns: paths below the root, in order.
    """
    found: set[Path] = set()
    left = [root / file for file in files]
    while left:
        if (path := left.pop()) in found:
            continue
        found.add(path)
        modules = {part for name in _names(path, places) for part in _parts(name)}
        left += [
            one for name in modules for one in _files(name, places) if one.is_relative_to(root)
        ]
    return tuple(sorted(path.relative_to(root).as_posix() for path in found))


def foreign(paths: Iterable[Path], places: Sequence[Path]) -> set[str]:
    """Give the outermost modules that files import, but for Python's and those in the places."""
    names = {name.partition(".")[0] for path in paths for name in _names(path, places)}
    return {
        name
        for name in names - sys.stdlib_module_names
        if not any((place / name).is_dir() or (place / f"{name}.py").exists() for place in places)
    }


def _names(path: Path, places: Sequence[Path]) -> Iterator[str]:
    """Give the names, with dots, of what a file imports; those of attributes are among them."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*_above(path, places, node.level), *(node.module or "").split(".")]
            yield from (".".join(filter(None, (*base, one.name))) for one in node.names)


def _tree(path: Path) -> ast.Module:
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(path.read_bytes(), str(path))
    except (OSError, SyntaxError, ValueError, RecursionError):
        # What matters has been imported; this may be a template.
        return ast.Module([], [])


def _above(path: Path, places: Sequence[Path], level: int) -> tuple[str, ...]:
    """Give the package that a relative import starts from."""
    place = next((one for one in places if path.is_relative_to(one)), None)
    if not level or place is None:
        return ()
    parts = path.relative_to(place).parts
    return parts[: max(len(parts) - level, 0)]


def _parts(name: str) -> Iterator[str]:
    """Give a module and the packages that it is in: importing it imports them."""
    steps = name.split(".")
    yield from (".".join(steps[: number + 1]) for number in range(len(steps)))


def _files(name: str, places: Sequence[Path]) -> Iterator[Path]:
    for place in places:
        path = place.joinpath(*name.split("."))
        yield from (one for one in (path / _PACKAGE, path.with_suffix(".py")) if one.is_file())
