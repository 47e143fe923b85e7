"""The functions of a simulated Redis: the library that is shipped, in the Lua that Redis has."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from lupa import lua51
from simulation.resp import RedisError, Status

if TYPE_CHECKING:
    from simulation.keyspace import Keyspace

_SHEBANG: Final = b"#!lua"


class Functions:
    """The function library, in the Lua that Redis has (5.1): the very code that is shipped."""

    def __init__(self, keyspace: "Keyspace") -> None:
        self._keyspace = keyspace
        self._lua: Any = None
        self._functions: dict[bytes, Any] = {}

    def load(self, code: bytes) -> None:
        """Load a library in the place of what was loaded before."""
        self._functions.clear()
        self._begin()
        first, _, rest = code.partition(b"\n")
        assert first.startswith(_SHEBANG), "a library begins with its engine and name"
        self._lua.execute(rest)

    def run(self, code: bytes, keys: Sequence[bytes], arguments: Sequence[bytes]) -> Any:
        """Run a script; return what it returns as Redis answers it."""
        if self._lua is None:
            self._begin()
        shared = self._lua.globals()
        shared[b"KEYS"] = self._lua.table_from(list(keys))
        shared[b"ARGV"] = self._lua.table_from(list(arguments))
        try:
            return _answer(self._lua.execute(code))
        except lua51.LuaError as error:
            raise RedisError(f"ERR {error}") from None

    def _begin(self) -> None:
        self._lua = lua51.LuaRuntime(encoding=None, unpack_returned_tuples=True)
        table = self._lua.table_from
        shared = self._lua.globals()
        shared[b"redis"] = table(
            {
                b"call": self._command,
                b"register_function": self._functions.__setitem__,
                b"acl_check_cmd": lambda *_: True,
            }
        )
        shared[b"cjson"] = table({b"decode": lambda text: self._to_lua(json.loads(text))})

    def call(self, name: bytes, keys: Sequence[bytes], arguments: Sequence[bytes]) -> Any:
        """Call a function; return what it returns as Redis answers it."""
        if name not in self._functions:
            raise RedisError("ERR Function not found")
        to_lua = self._lua.table_from
        try:
            return _answer(self._functions[name](to_lua(list(keys)), to_lua(list(arguments))))
        except lua51.LuaError as error:
            raise RedisError(f"ERR {error}") from None

    def _command(self, *words: Any) -> Any:
        return self._to_lua(self._keyspace.run([_word(word) for word in words]))

    def _to_lua(self, value: Any) -> Any:
        if value is None:
            return False
        if isinstance(value, str):
            return value.encode()
        if isinstance(value, Status):
            return self._lua.table_from({b"ok": bytes(value)})
        if isinstance(value, dict):
            pairs = {self._to_lua(key): self._to_lua(each) for key, each in value.items()}
            return self._lua.table_from(pairs)
        if isinstance(value, list):
            return self._lua.table_from([self._to_lua(each) for each in value])
        return value


def _word(value: Any) -> bytes:
    """Return an argument of ``redis.call`` as Redis takes it: Lua's whole numbers without a dot."""
    return value if isinstance(value, bytes) else b"%.17g" % value


def _answer(value: Any) -> Any:
    """Return what a function returned as an answer to a client."""
    if value is None or value is False:
        return None
    if value is True:
        return 1
    if isinstance(value, float | int):
        return int(value)
    if lua51.lua_type(value) == "table":
        return [_answer(value[index]) for index in range(1, len(value) + 1)]
    return value
