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
    _processors.append(structlog.processors.format_exc_info)
    if log_format == "console" or (log_format == "auto" and sys.stderr.isatty()):
        _processors.append(_in_its_line)
        plainly = structlog.dev.plain_traceback
        _processors.append(structlog.dev.ConsoleRenderer(exception_formatter=plainly))
    else:
        _processors.append(structlog.processors.JSONRenderer())
    _processors.append(_write)
    logger = logging.getLogger(_NAME)
    logger.handlers, logger.propagate = [logging.StreamHandler()], False
    logger.setLevel(logging.INFO)
    warnings.showwarning = _log_warning


def _in_its_line(
    logger: object, name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Escape what could begin a line, or colour a terminal; lines of a trace are indented."""
    trace = event.get("exception")
    shown = {key: _escaped(value) for key, value in event.items()}
    if isinstance(trace, str):
        shown["exception"] = "\n".join(f"    {_escaped(line)}" for line in trace.splitlines())
    return shown


def _escaped(value: Any) -> Any:
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(one if one.isprintable() else _code(one) for one in value)


def _code(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode()


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
