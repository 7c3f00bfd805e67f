"""Logging: quiet as a library, one structured line an event when serving."""

import json
import logging
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal, NoReturn, TextIO

import structlog

LogFormat = Literal["auto", "json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]

_NAME = "learnwire"
_LEVELS: dict[LogLevel, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
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


def configure(log_format: LogFormat, log_level: LogLevel = "info", **facts: object) -> None:
    """Write events to stderr, one line each; so what libraries log and warn of.

    Args:
        log_format: `json`, `console` for people, or `auto`: console on a terminal.
        log_level: events below it are not written; of libraries none below `warning`.
        facts: what each line is to tell.
    """
    is_console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    plainly = structlog.dev.plain_traceback
    _processors[:] = [
        structlog.stdlib.filter_by_level,
        structlog.stdlib.add_log_level,
        structlog.processors.MaybeTimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
        *([lambda _, __, event: {**event, **facts}, _in_its_line] if is_console else []),
        structlog.dev.ConsoleRenderer(exception_formatter=plainly) if is_console else _Json(facts),
        _write,
    ]
    level = _LEVELS[log_level]
    logger = logging.getLogger(_NAME)
    logger.handlers, logger.propagate = [logging.StreamHandler()], False
    logger.setLevel(level)
    # Users' code may have decided where the lines of others go.
    logging.basicConfig(handlers=[_Others()])
    logging.root.setLevel(max(level, logging.WARNING))
    warnings.showwarning = _log_warning


def is_told(level: LogLevel) -> bool:
    """Tell whether events of a level are written."""
    return logging.getLogger(_NAME).isEnabledFor(_LEVELS[level])


def timed(event: str, level: LogLevel, facts: dict[str, Any]) -> dict[str, Any]:
    """Give an event as of now, of its facts, for `write_all`."""
    facts["event"], facts["level"] = event, level
    facts["timestamp"] = f"{datetime.now(UTC).isoformat()[:-6]}Z"
    return facts


def write_all(events: Sequence[dict[str, Any]]) -> None:
    """Write many events at once, which as JSON takes half as long."""
    renderer = _processors[-2]
    if isinstance(renderer, _Json):
        _put("".join(f"{renderer.line(event)}\n" for event in events))
        return
    for event in events:
        get_logger().log(_LEVELS[event.pop("level")], **event)


class _Json:
    """Makes a line of JSON of an event and what each line is to tell."""

    def __init__(self, facts: dict[str, object]) -> None:
        self._facts = facts
        self._encode = json.JSONEncoder(default=repr).encode

    def __call__(self, logger: object, name: str, event: structlog.typing.EventDict) -> str:
        return self.line(event)

    def line(self, event: structlog.typing.EventDict) -> str:
        event.update(self._facts)
        return self._encode(event)


class _Others(logging.Handler):
    """Brings what libraries log to the form of our own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """See logging."""
        level = logging.ERROR if record.levelno >= logging.ERROR else logging.WARNING
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - theirs is the mistake
            message = str(record.msg)
        get_logger().log(level, message, logger=record.name, exc_info=record.exc_info)


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
    _put(f"{line}\n")
    raise structlog.DropEvent


def _put(text: str) -> None:
    # A full disk or a reader that has gone ends no service.
    with suppress(OSError, ValueError):
        sys.stderr.write(text)


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
