"""Lists that change while a gateway runs: recipients and opt-outs, in files or in Redis.

    file    looked at each time it is asked for, read anew when it has changed
    Redis   read each time

What is wrong with a list at the start ends the process. Later the old list stays, the error is
logged once for each change, and counted: people are warned by a list of yesterday rather than not
at all.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

import structlog
from redis.asyncio import Redis

from consumers.sms.files import read
from consumers.sms.rules.gateway_file import IN_REDIS, GatewayFile
from consumers.sms.rules.recipients import (
    KnownPlaces,
    RecipientList,
    read_csv,
    read_hash,
    read_opt_outs,
)
from skyfence.adapters.file_change import Fingerprint, fingerprint
from skyfence.adapters.metrics import SMS_LIST_FAILURES
from skyfence.adapters.redis import redis_errors
from skyfence.errors import InputError, SkyfenceError
from skyfence.naming import Environment, sms_opt_outs_key, sms_recipients_key

log = structlog.get_logger()

T = TypeVar("T")


class WrongListError(InputError):
    """A list has faults: ``str`` holds the first and how many more, ``reasons`` all of them."""

    def __init__(self, reasons: Sequence[str]) -> None:
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        super().__init__(reasons[0] + more)
        self.reasons = reasons


class ReloadedList(Generic[T]):
    """The last version of a list that had no faults.

    ``read_list`` reads the list anew. What ``read_fingerprint`` returns changes whenever the list
    does; None means that the list must be read each time. ``name`` stands in logs and metrics.
    """

    def __init__(
        self,
        name: str,
        read_list: Callable[[], Awaitable[T]],
        read_fingerprint: Callable[[], Fingerprint | None],
    ) -> None:
        self._name = name
        self._read = read_list
        self._read_fingerprint = read_fingerprint
        self._fingerprint: Fingerprint | None = None
        self._current: T | None = None
        self._failing: str | None = None

    async def get(self) -> T:
        """Return the list; raise ``SkyfenceError`` if no version ever was without faults."""
        seen = self._read_fingerprint()
        if self._current is not None and seen is not None and seen == self._fingerprint:
            return self._current
        try:
            latest = await self._read()
        except SkyfenceError as error:
            if self._current is None:
                raise
            self._report_failure(str(error))
            self._fingerprint = seen
            return self._current
        if self._current is not None and latest != self._current:
            log.info("sms.list_changed", list=self._name)
        self._fingerprint, self._current, self._failing = seen, latest, None
        return latest

    def _report_failure(self, reason: str) -> None:
        """Log and count why the old list stays, once for each reason."""
        if reason == self._failing:
            return
        self._failing = reason
        SMS_LIST_FAILURES.labels(self._name).inc()
        log.error("sms.list_kept", list=self._name, reason=reason)


def recipients(
    file: GatewayFile, environment: Environment, known: KnownPlaces, redis: Redis | None
) -> ReloadedList[RecipientList]:
    """Return a gateway's recipients, read anew from its file or from Redis when they change."""
    where = file.recipients
    if redis is not None and where == IN_REDIS:
        key = sms_recipients_key(environment, file.name)

        async def read_redis() -> RecipientList:
            fields = await _answer(redis.hgetall(key), key)
            entries = {_text(name): _text(value) for name, value in fields.items()}
            return _without_faults(read_hash(entries, f"redis {key}", known))

        return ReloadedList("recipients", read_redis, _no_fingerprint)

    async def read_file() -> RecipientList:
        return _without_faults(read_csv(read(Path(where)), where, known))

    return ReloadedList("recipients", read_file, _fingerprint_of(where))


def opt_outs(
    file: GatewayFile, environment: Environment, redis: Redis | None
) -> ReloadedList[frozenset[str]]:
    """Return the numbers that want no SMS of a gateway, read anew when they change."""
    where = file.opt_outs
    if redis is not None and where == IN_REDIS:
        key = sms_opt_outs_key(environment)

        async def read_redis() -> frozenset[str]:
            members = await _answer(redis.smembers(key), key)
            return _opt_outs([_text(member) for member in members], f"redis {key}")

        return ReloadedList("opt_outs", read_redis, _no_fingerprint)

    async def read_file() -> frozenset[str]:
        return _opt_outs(read(Path(where)).splitlines(), where)

    return ReloadedList("opt_outs", read_file, _fingerprint_of(where))


def _without_faults(people: RecipientList) -> RecipientList:
    if people.wrong:
        raise WrongListError(people.wrong)
    return people


def _opt_outs(lines: list[str], where: str) -> frozenset[str]:
    numbers, wrong = read_opt_outs(lines, where)
    if wrong:
        raise WrongListError(wrong)
    return numbers


async def _answer(reply: Awaitable[T], key: str) -> T:
    with redis_errors(f"redis did not give {key}"):
        return await reply


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()


def _no_fingerprint() -> None:
    """Return None: a list in Redis has to be read each time."""


def _fingerprint_of(where: str) -> Callable[[], Fingerprint | None]:
    return partial(fingerprint, Path(where))  # of a file that is missing, reading says why
