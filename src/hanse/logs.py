"""Structured logs on standard error; configured by processes that serve, never by the library."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logging(form: str, level: str) -> None:
    """Send structured log lines of at least `level` to standard error as `text` or `json`.

    Tokens and request bodies are never logged; addresses are logged without their query, which may carry signatures.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if form == "text":
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # The richer form prints local variables, and those may hold tokens.
            exception_formatter=structlog.dev.plain_traceback,
        )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if form == "json" else _keep,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")


def _keep(_logger: structlog.typing.WrappedLogger, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return event
