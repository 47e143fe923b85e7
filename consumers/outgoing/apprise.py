"""The Apprise sink: places' states as messages to people, over email, Signal, Matrix and the like.

Guarantee: at least once to the service that a target names, in the order of each chain, before the
alert expires; or a dead letter with its reason after a day. A message that was broken off, or whose
service answered late, is sent again, and nothing tells the reader that it is the same. What the
service makes of it is not known here.

    file ──▶ Target: Apprise URL (from a file: it holds passwords)
    alert ──▶ title: headline; body: description, instruction ──▶ outbox ──▶ Apprise.notify

People hear of the state of places where that sounds, ends, or is graver than what the target was
sent last, and of silent sensors; incidents are evidence for operators. What is quiet is sent
without sound by the services that can. An actual alert past its expiry is never sent. An exercise's
title begins with the exercise mark, which is looked for again just before it is sent. Apprise waits
while it works, so each target has threads of its own.
"""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import Field, model_validator

from consumers.expiry import message_expires_ms
from consumers.outbox.items import Entry
from consumers.outgoing.dispatcher import TAKEN, DeliveryOutcome, Payload
from consumers.outgoing.receivers import (
    FileName,
    ReceiverOptions,
    ReceiversFile,
    once,
    read,
)
from consumers.outgoing.reloading import LoadedReceivers
from skyfence.adapters.credentials import read_secret
from skyfence.adapters.files import load_catalogue
from skyfence.adapters.hosts import is_loopback
from skyfence.contracts.alert import (
    EXERCISE_MARK,
    AlertMessage,
    AnyAlert,
    FeedEventName,
    Notify,
    PlaceAlert,
    PlaceEventName,
    PlaceLevel,
    is_abandoned,
    level_rank,
    marked,
)
from skyfence.contracts.base import Contract
from skyfence.errors import InputError, UsageError
from skyfence.naming import Environment
from skyfence.texts.tables import AppriseTexts

SINK: Final = "apprise"
_TYPES: Final[Mapping[PlaceLevel, "NotifyType"]] = {
    "shelter": "failure",
    "prepare": "warning",
    "watch": "info",
    "clear": "success",
}
# What a URL says for a message without sound, by Apprise's name of the service: of two values of
# one parameter the last counts.
_SILENT: Final[Mapping[str, str]] = {
    "NotifyTelegram": "silent=yes",
    "NotifyNextcloudTalk": "silent=yes",
    "NotifyNtfy": "priority=low",
    "NotifyPushover": "priority=low",
    "NotifyGotify": "priority=low",
}

NotifyType = Literal["info", "success", "warning", "failure"]
_ToPeople = PlaceEventName | FeedEventName


class TargetOptions(ReceiverOptions):
    """A target as the file writes it."""

    url_file: FileName
    events: Annotated[tuple[_ToPeople, ...], Field(min_length=1)] = (
        *get_args(PlaceEventName),
        *get_args(FeedEventName),
    )


class AppriseFile(ReceiversFile):
    """A file of Apprise targets."""

    target: Annotated[tuple[TargetOptions, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        once(target.name for target in self.target)
        return self


class AppriseNote(Contract):
    """What people read of an alert, and what the next one is compared with."""

    title: str
    body: str
    notify_type: NotifyType
    notify: Notify = "sound"
    # Of a place: what was said of it, and in which step of which episode.
    level: PlaceLevel | None = None
    episode: int = 0
    step: int = 0
    last: bool = False  # the chain ends with it


def note_of(alert: AnyAlert, environment: Environment, texts: AppriseTexts) -> AppriseNote:
    """Return an alert in words; an exercise's title says so before all else."""
    headline = alert.headline
    state = alert if isinstance(alert, PlaceAlert) else None
    return AppriseNote(
        title=headline if headline.startswith(EXERCISE_MARK) else marked(headline, environment),
        body=texts.body.format(description=alert.description, instruction=alert.instruction),
        notify_type=_notify_type(alert),
        notify=alert.notify,
        level=state.level if state else None,
        episode=state.episode if state else 0,
        step=alert.step,
        last=alert.message_type == "Cancel",
    )


def _is_graver(alert: PlaceAlert, told: AppriseNote | None) -> bool:
    """Tell whether a place's level is above what was told of it last: ``clear`` without a note.

    An alert that is not newer than that note, handed over again, is not.
    """
    if told is None or told.level is None:
        return alert.level != "clear"
    is_newer = (alert.episode, alert.step) > (told.episode, told.step)
    return is_newer and level_rank(alert.level) > level_rank(told.level)


def _notify_type(alert: AnyAlert) -> NotifyType:
    """Return the type by which a service chooses colour and sound."""
    if is_abandoned(alert):
        return "warning"
    if isinstance(alert, PlaceAlert):
        return _TYPES[alert.level]
    return "success" if alert.message_type == "Cancel" else "warning"


class AppriseReceiver:
    """One Apprise URL; implements ``dispatcher.Receiver``."""

    def __init__(
        self,
        options: TargetOptions,
        service: Any,
        environment: Environment,
        texts: AppriseTexts,
        *,
        silent_service: Any = None,
    ) -> None:
        self.options = options
        self._service = service
        self._silent_service = silent_service or service
        self._environment = environment
        self._texts = texts
        # Not asyncio's own few threads: a service that hangs would take those from all others.
        self._threads = ThreadPoolExecutor(options.window, f"apprise-{options.name}")

    def wants(self, alert: AnyAlert, told: str | None) -> bool:
        """Tell whether an alert is sent: of a place, what sounds, a level that rose, and the end.

        A rise is one over what this target was sent last, so that nobody is left with a calmer
        state than the place has: what would have sounded may have been held back.
        """
        if not self.options.wants(alert):
            return False
        if not isinstance(alert, PlaceAlert) or alert.notify == "sound":
            return True
        note = None if told is None else AppriseNote.model_validate_json(told)
        return alert.message_type == "Cancel" or _is_graver(alert, note)

    def payload(self, message: AlertMessage, now_ms: int) -> Payload:
        """Return the words, and until when they hold."""
        note = note_of(message.alert, self._environment, self._texts)
        return Payload(
            note.to_json().decode(), message_expires_ms(message, self._environment, now_ms)
        )

    def ends(self, body: str) -> bool:
        """Tell whether a note ends its chain."""
        return AppriseNote.model_validate_json(body).last

    async def send(self, entry: Entry, now_ms: int) -> DeliveryOutcome:
        """Have Apprise send it, in a thread; a thread that hangs is left behind."""
        if entry.expires_ms is not None and entry.expires_ms <= now_ms:
            return DeliveryOutcome("never", "expired")
        note = AppriseNote.model_validate_json(entry.body)
        exercise = self._environment is Environment.EXERCISE
        if note.title.startswith(EXERCISE_MARK) is not exercise:
            return DeliveryOutcome("never", f"its title is not one of {self._environment}")
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._notify, note)
        try:
            async with asyncio.timeout(self.options.timeout_s):
                took = await work
        except TimeoutError:
            return DeliveryOutcome("away", f"no answer in time ({self.options.timeout_s:g} s)")
        except Exception as error:  # noqa: BLE001 - 175 plugins; their words may hold the URL
            return DeliveryOutcome("away", f"apprise failed: {type(error).__name__}")
        return TAKEN if took else DeliveryOutcome("away", "the service did not take it")

    def _notify(self, note: AppriseNote) -> bool:
        service = self._silent_service if note.notify == "quiet" else self._service
        return bool(
            service.notify(
                body=note.body, title=note.title, notify_type=note.notify_type, body_format="text"
            )
        )


async def load(path: Path, environment: Environment) -> LoadedReceivers:
    """Read a file of targets and all that it names; raise an error naming what is wrong."""
    return await asyncio.to_thread(_load, path, environment)


def _load(path: Path, environment: Environment) -> LoadedReceivers:
    file = read(path, AppriseFile, environment)
    folder = path.parent
    urls = [folder / target.url_file for target in file.target]
    texts = load_catalogue().english.apprise
    receivers = [
        AppriseReceiver(
            target,
            _service(url),
            environment,
            texts,
            silent_service=_service(url, silent=True),
        )
        for target, url in zip(file.target, urls, strict=True)
    ]
    return LoadedReceivers(folder / file.outbox, tuple(receivers), (path, *urls))


def _service(path: Path, *, silent: bool = False) -> Any:
    """Return Apprise with the URL of a file; raise an error that does not show it.

    A ``silent`` one makes no sound, where the URL's service has a parameter for that.
    """
    try:
        import apprise  # noqa: PLC0415 - an extra
    except ImportError:
        raise UsageError(
            "apprise is not installed: pip install '.[apprise]' in a checkout"
        ) from None
    # Its log lines repeat parts of URLs.
    for name in ("apprise", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    asset = apprise.AppriseAsset(
        app_id="skyfence",
        app_desc="skyfence alerts",
        app_url="",
        image_url_mask="",  # no picture that a reader's mail program would fetch from elsewhere
        image_url_logo="",
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    url = read_secret(path).strip()
    plugin = apprise.Apprise.instantiate(url, asset=asset)
    if silent and plugin is not None and (parameter := _SILENT.get(type(plugin).__name__)):
        joined = f"{url}{'&' if '?' in url else '?'}{parameter}"
        plugin = apprise.Apprise.instantiate(joined, asset=asset)
    if plugin is None:
        raise InputError(f"{path}: no URL that apprise {apprise.__version__} knows")
    if not plugin.verify_certificate and not is_loopback(getattr(plugin, "host", "") or ""):
        raise InputError(f"{path}: verify=no would trust anybody's certificate")
    service = apprise.Apprise(asset=asset)
    service.add(plugin)
    return service
