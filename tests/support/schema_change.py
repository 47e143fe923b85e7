"""What a change of a JSON Schema breaks: the rule of docs/upgrades.md, as code.

A compatible extension adds fields that may be left out, at any depth, and changes what is only for
readers. Everything else is a break: a field that is gone, renamed, of another type, newly required
or no longer so, other bounds, another value in an enumeration.
"""

from collections.abc import Iterator
from typing import Any, Final

Schema = dict[str, Any]

# Says nothing about what is valid.
_FOR_READERS: Final = ("$id", "$schema", "$defs", "title", "description", "default", "examples")


def breaks(before: Schema, after: Schema) -> list[str]:
    """Return what a reader or writer of the schema before cannot live with, one line each."""
    return list(_breaks(_resolved(before, before), _resolved(after, after), "message"))


def _breaks(before: Any, after: Any, where: str) -> Iterator[str]:
    if not (isinstance(before, dict) and isinstance(after, dict)):
        yield from [f"{where}: {before!r} became {after!r}"] * (before != after)
        return
    fields, now = before.get("properties", {}), after.get("properties", {})
    for name, rule in fields.items():
        if name not in now:
            yield f"{where}.{name}: is gone"
        else:
            yield from _breaks(rule, now[name], f"{where}.{name}")
    required = set(before.get("required", ())), set(after.get("required", ()))
    for name in sorted(required[0] ^ required[1]):
        yield f"{where}.{name}: {'no longer' if name in required[0] else 'newly'} required"
    for word in sorted((before.keys() | after.keys()) - {"properties", "required"}):
        yield from _breaks_of_word(before.get(word), after.get(word), f"{where} ({word})")


def _breaks_of_word(before: Any, after: Any, where: str) -> Iterator[str]:
    """Compare what a schema says besides its fields: lists of schemas one by one."""
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for old, new in zip(before, after, strict=True):
            yield from _breaks(old, new, where)
        return
    yield from _breaks(before, after, where)


def _resolved(schema: Any, root: Schema) -> Any:
    """Return a schema with its references put in place, and without what is only for readers."""
    if isinstance(schema, list):
        return [_resolved(part, root) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return _resolved(root["$defs"][name] | {k: schema[k] for k in schema if k != "$ref"}, root)
    kept = {word: _resolved(rule, root) for word, rule in schema.items() if word != "properties"}
    for word in _FOR_READERS:
        kept.pop(word, None)
    if "discriminator" in kept:
        kept["discriminator"] = kept["discriminator"]["propertyName"]
    if "properties" in schema:  # whose names are fields', not words of JSON Schema
        fields = schema["properties"]
        kept["properties"] = {name: _resolved(rule, root) for name, rule in fields.items()}
    return kept
