"""Logging: quiet as a library, one structured line an event when serving."""

import logging
import sys
from typing import Literal

import structlog

LogFormat = Literal["auto", "json", "console"]

_NAME = "learnwire"


def get_logger() -> structlog.stdlib.BoundLogger:
    """Give the logger of this package; its events go through the standard library's."""
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(_NAME),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.render_to_log_kwargs,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return logger


def configure(log_format: LogFormat) -> None:
    """Write events of level INFO and above to stderr, one line each.

    Args:
        log_format: `json`, `console` for people, or `auto`: console on a terminal.
    """
    console = log_format == "console" or (log_format == "auto" and sys.stderr.isatty())
    # Typed apart because the two renderers have no base class in common.
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if console:
        renderer = structlog.dev.ConsoleRenderer()
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso"),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *([] if console else [structlog.processors.format_exc_info]),
                renderer,
            ],
        )
    )
    logger = logging.getLogger(_NAME)
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
