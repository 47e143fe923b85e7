"""Operators in Redis: their records, and their users with a secret of which only a digest is kept.

A change is saved to the server's ACL file, so that it outlives a restart; a server without one is
refused, because operators would be gone when they are needed. Needs an administrator's rights.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from skyfence.adapters.redis import redis_errors
from skyfence.contracts.base import describe_validation_error
from skyfence.errors import UnavailableError, UsageError
from skyfence.naming import Environment, commands_key, operators_key, outcomes_key
from skyfence.operators.accounts import SET_INFO, Operator, rules, user_name

log = structlog.get_logger()


class OperatorStore:
    """The operators of one environment.

    Every method raises ``UsageError`` where the user may not do it or the server keeps no users,
    and ``UnavailableError`` where Redis fails.
    """

    def __init__(self, redis: Redis, environment: Environment) -> None:
        self._redis = redis
        self._environment = environment
        self._key = operators_key(environment)

    async def add(self, operator: Operator) -> str:
        """Make an operator and return the secret, which is kept nowhere."""
        if operator.name in await self.all():
            raise UsageError(f"operator {operator.name} exists: revoke or rotate")
        secret = secrets.token_urlsafe(24)
        user = user_name(self._environment, operator.name)
        await self._set_user(user, rules(self._environment, operator, _sha(secret)))
        try:
            await self._save()
        except UsageError:
            await self._ask("ACL", "DELUSER", user)
            raise
        await self._ask("HSET", self._key, operator.name, operator.to_json())
        return secret

    async def all(self) -> dict[str, Operator]:
        """Return the operators by name."""
        return parse_operators(await self._ask("HGETALL", self._key))

    async def revoke(self, name: str) -> None:
        """End an operator: the user, its live connections, and what it had commanded."""
        await self._known(name)
        await self._ask("ACL", "DELUSER", user_name(self._environment, name))
        await self._save()
        await self._ask("HDEL", self._key, name)
        for key in (commands_key, outcomes_key):
            await self._ask("DEL", key(self._environment, name))

    async def rotate(self, name: str) -> str:
        """Give an operator a new secret, and cut what is connected with the old one.

        The rights are given anew, too: a record whose user is gone, or is of an older version,
        is whole again.
        """
        operator = await self._known(name)
        secret, user = secrets.token_urlsafe(24), user_name(self._environment, name)
        await self._set_user(user, rules(self._environment, operator, _sha(secret)))
        await self._save()
        await self._ask("CLIENT", "KILL", "USER", user)
        return secret

    async def _known(self, name: str) -> Operator:
        known = await self.all()
        if name not in known:
            raise UsageError(
                f"no operator {name!r}: there are {', '.join(sorted(known)) or 'none'}"
            )
        return known[name]

    async def _set_user(self, user: str, granted: Sequence[str]) -> None:
        """Give a user rights, without the one that Redis before 7.2 does not know."""
        try:
            await self._ask("ACL", "SETUSER", user, *granted)
        except UnavailableError as error:
            if SET_INFO not in str(error):
                raise
            known = [right for right in granted if right != SET_INFO]
            await self._ask("ACL", "SETUSER", user, *known)

    async def _save(self) -> None:
        await self._ask("ACL", "SAVE")

    async def _ask(self, *command: Any) -> Any:
        with redis_errors(
            f"redis did not carry out {command[0]}",
            forbidden="this redis user may not manage operators",
        ):
            try:
                return await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]
            except ResponseError as error:
                if "ACL file" not in str(error):  # NoPermissionError is a ResponseError
                    raise
                raise UsageError(
                    "this redis has no aclfile, so operators would be gone after its restart: "
                    "set one in its configuration"
                ) from None


def parse_operators(records: Mapping[bytes, bytes]) -> dict[str, Operator]:
    """Return the operators of the hash, by name; a record that is none is logged and left out."""
    operators: dict[str, Operator] = {}
    for name, raw in records.items():
        try:
            operators[name.decode()] = Operator.model_validate_json(raw)
        except ValidationError as error:
            log.warning(
                "operator.unreadable", name=name.decode(), reason=describe_validation_error(error)
            )
    return operators


def _sha(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
