"""Structured logs on standard error: dotted event names with keys, JSON unless a person looks.

Every line says which process and environment it is of. What a library says has its logger's name
and level as its event (``aiokafka.conn.error``) and the words as ``message``.
"""

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


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
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


class _Always:
    """Adds what every line of a process says (context variables do not reach other threads)."""

    def __init__(self, said: dict[str, str]) -> None:
        self._said = said

    def __call__(self, _: WrappedLogger, __: str, event: EventDict) -> EventDict:
        for name, value in self._said.items():
            event.setdefault(name, value)
        return event


def _name_foreign(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Give a library's line an event name of our form, and keep its words."""
    event["message"] = event.pop("event")
    event["event"] = f"{event.pop('logger')}.{event['level']}"
    return event
