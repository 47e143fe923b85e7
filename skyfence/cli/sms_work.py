"""What the commands of ``skyfence sms`` do that look at a gateway and do not run it."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from consumers.outbox.outbox import Outbox
from consumers.sms import recipient_lists
from consumers.sms.files import load_gateway, read
from consumers.sms.gateways import registry
from consumers.sms.gateways.protocol import Receipt
from consumers.sms.opening import lists_redis, texts_of
from consumers.sms.rules.exercise_guard import check_agreement
from consumers.sms.rules.gateway_file import IN_REDIS, GatewayFile, findings
from consumers.sms.rules.recipients import KnownPlaces, masked, why_no_number
from consumers.sms.rules.texts import Texts, samples, too_long
from skyfence.adapters.files import member_places
from skyfence.adapters.os_errors import describe_os_error
from skyfence.adapters.settings import Settings
from skyfence.contracts.alert import PlaceKind
from skyfence.errors import InputError, SkyfenceError, UsageError
from skyfence.naming import Environment, sms_opt_outs_key
from skyfence.texts.tables import NoticeKind


async def check(settings: Settings, path: Path) -> int:
    """Print what a gateway's file holds; return 1 where something is wrong with it."""
    text = read(path)
    wrong = list(findings(text, str(path)))
    if not wrong:
        file = load_gateway(path)
        wrong += [reason async for reason in _wrong(settings, file, path)]
    for line in wrong:
        click.echo(f"skyfence: {line}", err=True)
    return 1 if wrong else 0


async def _wrong(settings: Settings, file: GatewayFile, path: Path) -> AsyncIterator[str]:
    """Yield all that keeps a gateway from running; print what it is, and warnings."""
    environment = Environment.EXERCISE if file.exercises else Environment.ACTUAL
    texts, places = texts_of(settings, file.texts), member_places(settings)
    meant = "exercises" if file.exercises else "actual alerts"
    click.echo(f"gateway {file.name}: {file.adapter}, for {meant}")
    click.echo(f"languages: {', '.join(texts.languages)}")
    async with lists_redis(settings, file) as redis:
        known = KnownPlaces(texts.languages, places)
        reading: Mapping[str, Callable[[], Awaitable[Any]]] = {
            "recipients": recipient_lists.recipients(file, environment, known, redis).get,
            "opt-outs": recipient_lists.opt_outs(file, environment, redis).get,
        }
        for name, get in reading.items():
            try:
                entries = await get()
            except recipient_lists.WrongListError as error:
                for reason in error.reasons:
                    yield reason
            except SkyfenceError as error:
                yield str(error)
            else:
                click.echo(f"{name}: {len(getattr(entries, 'recipients', entries))}")
    beginning: Sequence[Callable[[], object]] = (
        lambda: check_agreement(settings.environment, exercises=file.exercises, where=str(path)),
        lambda: registry.gateway(file.adapter, file.options, _drop),
    )
    for begin in beginning:
        try:
            begin()
        except SkyfenceError as error:
            yield str(error)
    for line in (*texts.fall_backs(), *too_long(texts, places, environment)):
        click.echo(f"warning: {line}", err=True)


def preview(settings: Settings, path: Path | None, language: str | None, place: str | None) -> None:
    """Print every text."""
    texts = texts_of(settings, None if path is None else load_gateway(path).texts)
    places = member_places(settings)
    if language is not None and language not in texts.languages:
        raise InputError(f"--language: {language!r} has no texts, {texts.languages} have")
    if place is not None and place not in places:
        raise InputError(f"--place: no place {place!r} is known")
    for code in texts.languages if language is None else [language]:
        shown = places if place is None else {place: places[place]}
        click.echo(f"{code}: characters, SMS, text")
        for line in _shown(texts, code, shown, settings.environment):
            click.echo(line)


def _shown(
    texts: Texts, language: str, places: Mapping[str, PlaceKind], environment: Environment
) -> Iterator[str]:
    """Yield a line for each text, as it is at its longest for regions, nations and alliance."""
    for place_kind in ("region", "nation", "alliance"):
        longest: dict[NoticeKind, tuple[int, int, str]] = {}
        for place in [name for name, kind in places.items() if kind == place_kind]:
            for kind, counted in samples(texts, language, place, places[place], environment):
                sample = (counted.parts, counted.characters, counted.text)
                longest[kind] = max(sample, longest.get(kind, sample))
        for kind, (parts, characters, text) in longest.items():
            yield f"  {characters:3}  {parts}  {place_kind:8}  {kind:14}  {text}"


async def opt_out(settings: Settings, path: Path, number: str, *, undo: bool) -> None:
    """Put a number among those that want no SMS, or take it out again."""
    if (reason := why_no_number(number)) is not None:
        raise InputError(reason)
    file = load_gateway(path)
    if file.opt_outs == IN_REDIS:
        key = sms_opt_outs_key(settings.environment)
        async with lists_redis(settings, file) as redis:
            assert redis is not None  # noqa: S101 - a list is in it
            await (redis.srem(key, number) if undo else redis.sadd(key, number))
    else:
        _rewrite(Path(file.opt_outs), number, undo=undo)
    done = "gets SMS again" if undo else "gets no SMS any more"
    click.echo(f"{masked(number)} {done}")


def _rewrite(path: Path, number: str, *, undo: bool) -> None:
    """Write the file anew beside the old one and put it in its place: it is never half."""
    lines = read(path).splitlines() if path.exists() else []
    numbers = [line for line in lines if line.partition("#")[0].strip() != number]
    if not undo:
        numbers.append(number)
    beside = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.writelines(line + "\n" for line in numbers)
        beside.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {describe_os_error(error)}") from None


async def status(path: Path) -> None:
    """Print how many SMS stand in each state."""
    async with Outbox.open_existing(Path(load_gateway(path).outbox)) as outbox:
        for state, count in (await outbox.state_counts()).items():
            click.echo(f"{state:10} {count:8}")


async def _drop(receipt: Receipt) -> None:
    """Take no receipt: the gateway is only looked at."""
