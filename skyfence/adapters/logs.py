"""Structured logs on standard error: dotted event names with keys, JSON unless a person looks.

Every line says which process and environment it is of. What a library says has its logger's name
and level as its event (``aiokafka.conn.error``) and the words as ``message``.
"""

import logging
import sys
from typing import Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# Why Kafka cannot be reached is told once, in our words, before its client says it again and again.
_QUIET_AT_START: Final = "aiokafka"


def quiet_at_start() -> None:
    """Keep the Kafka client's own words back until ``started``."""
    logging.getLogger(_QUIET_AT_START).setLevel(logging.CRITICAL)


def started() -> None:
    """Let the Kafka client speak up from warnings on: the process has reached the brokers."""
    logging.getLogger(_QUIET_AT_START).setLevel(logging.WARNING)


def configure(process: str, environment: str | None = None, *, level: str = "info") -> None:
    """Set up logging for a process; libraries speak up from warnings on."""
    pretty = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    shared: list[Processor] = [
        _Always({"process": process} | ({"environment": environment} if environment else {})),
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, _name_foreign],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


class _Always:
    """Adds what every line of a process says (context variables do not reach other threads)."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        for name, value in self._fields.items():
            event.setdefault(name, value)
        return event


def _name_foreign(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Give a library's line an event name of our form, and keep its words."""
    event["message"] = event.pop("event")
    event["event"] = f"{event.pop('logger')}.{event['level']}"
    return event
