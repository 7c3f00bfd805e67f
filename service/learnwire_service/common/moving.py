"""How far bytes are that are moved, to whoever looks on in a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def moving(doing: str, size: int) -> Iterator[Callable[[int], None]]:
    """Give what is told of bytes that are done; where nobody looks on, nothing is shown.

    Usage: `with moving("exporting penguins:k3fsbxj7fa", 2**20) as told: told(2**19)`

    Args:
        doing: what is done.
        size: how many bytes there are.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with bar:
        task = bar.add_task(escape(doing), total=size)
        yield lambda count: bar.update(task, advance=count)
