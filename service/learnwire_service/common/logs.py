"""Logging: quiet as a library, one structured line an event when serving."""

import logging
import sys
import warnings
from contextlib import suppress
from typing import Any, Literal, NoReturn, TextIO

import structlog

LogFormat = Literal["auto", "json", "console"]

_NAME = "learnwire"

# As a library: events are records of the standard library's logging, their facts its extras.
# The list is what all loggers look into, so `configure` changes its contents.
_processors: list[structlog.typing.Processor] = [
    structlog.stdlib.filter_by_level,
    structlog.stdlib.render_to_log_kwargs,
]


def get_logger() -> structlog.stdlib.BoundLogger:
    """Give the logger of this package; its events go through the standard library's."""
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(_NAME),
        processors=_processors,
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return logger


def configure(log_format: LogFormat, **facts: object) -> None:
    """Write events of level INFO and above to stderr, one line each; so what libraries warn of.

    Args:
        log_format: `json`, `console` for people, or `auto`: console on a terminal.
        facts: what each line is to tell.
    """
    _processors[:] = [
        structlog.stdlib.filter_by_level,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    if facts:
        _processors.append(lambda logger, name, event: {**event, **facts})
    if log_format == "console" or (log_format == "auto" and sys.stderr.isatty()):
        _processors.append(structlog.dev.ConsoleRenderer())
    else:
        _processors.append(structlog.processors.format_exc_info)
        _processors.append(structlog.processors.JSONRenderer())
    _processors.append(_write)
    logger = logging.getLogger(_NAME)
    logger.handlers, logger.propagate = [logging.StreamHandler()], False
    logger.setLevel(logging.INFO)
    warnings.showwarning = _log_warning


def _write(logger: object, name: str, line: Any) -> NoReturn:
    """Write a line to stderr by itself: through the standard library it takes twice as long."""
    # A full disk or a reader that has gone ends no service.
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
    raise structlog.DropEvent


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Stand for `warnings.showwarning`."""
    get_logger().warning(
        "a library warned",
        problem=str(message),
        category=category.__name__,
        at=f"{filename}:{lineno}",
    )
