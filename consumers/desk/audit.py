"""The audit: every operator's command and what became of it, in a stream that is never cut.

    command ──▶ judged ──▶ ``write`` ──▶ handed over, told, answered
                              ▲
    after a crash ──▶ ``written``: what was decided before is carried out, not decided again

Guarantee: a command that has had an effect on incidents is on record, because the record is written
before the effect. Does not decide or carry out anything.
"""

from typing import Any

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis

from consumers.channels.functions import ChannelFunctions
from skyfence.adapters.settings import Settings
from skyfence.contracts.base import describe_validation_error
from skyfence.contracts.operator_command import AuditRecord
from skyfence.errors import UsageError
from skyfence.naming import Environment, audit_key, commands_key

log = structlog.get_logger()


class AuditLog:
    """The audit of one environment. Both methods raise redis-py's errors."""

    def __init__(self, redis: Redis, environment: Environment) -> None:
        self._redis = redis
        self._key = audit_key(environment)

    async def write(self, record: AuditRecord) -> None:
        """Keep a record for good."""
        await self._redis.xadd(self._key, {"record": record.to_json()})

    async def written(self, by: str, command_id: str) -> AuditRecord | None:
        """Return what is on record of a command, None if nothing is."""
        given_ms = command_id.partition("-")[0]
        entries: Any = await self._redis.xrevrange(self._key, "+", given_ms)
        for _, fields in entries:
            record = _parsed(fields.get(b"record", b""))
            if record is not None and (record.by, record.command_id) == (by, command_id):
                return record
        return None


async def check_audit(redis: Redis, settings: Settings) -> None:
    """Refuse a user who may not keep the audit, or measure commands; raise ``UsageError``.

    Otherwise the first command would find that out, and no command would be answered.
    """
    library, key = ChannelFunctions(redis), audit_key(settings.environment)
    commands = commands_key(settings.environment, "anybody")
    needed = {
        "XADD": (key, "*", "record", ""),
        "XREVRANGE": (key, "+", "-"),
        "MEMORY USAGE": (commands,),
    }
    for name, words in needed.items():
        if not await library.may(*name.split(), *words):
            user = settings.redis.user or "default"
            raise UsageError(
                f"redis user {user} may not serve operators: {name} of {words[0]} is not permitted"
            )


def _parsed(value: bytes) -> AuditRecord | None:
    try:
        return AuditRecord.model_validate_json(value)
    except ValidationError as error:
        log.warning("audit.unreadable", reason=describe_validation_error(error))
        return None
