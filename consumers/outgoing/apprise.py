"""The Apprise sink: places' states as messages to people, over email, Signal, Matrix and the like.

Guarantee: at least once to the service that a target names, in the order of each chain, before the
alert expires; or a dead letter with its reason after a day. A message that was broken off, or whose
service answered late, is sent again, and nothing tells the reader that it is the same. What the
service makes of it is not known here.

    file ──▶ Target: Apprise URL (from a file: it holds passwords)
    alert ──▶ title: headline; body: description, instruction ──▶ outbox ──▶ Apprise.notify

People hear of the state of places where that sounds or ends, and of silent sensors; incidents are
evidence for operators. An actual alert past its expiry is never sent. An exercise's title begins
with the exercise mark, which is looked for again just before it is sent. Apprise waits while it
works, so each target has threads of its own.
"""

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import Field, model_validator

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
    PlaceAlert,
    PlaceEventName,
    PlaceLevel,
    is_abandoned,
    marked,
)
from skyfence.contracts.base import Contract
from skyfence.errors import InputError, UsageError
from skyfence.naming import Environment
from skyfence.texts.tables import AppriseTexts
from skyfence.times import to_ms

SINK: Final = "apprise"
_TYPES: Final[Mapping[PlaceLevel, "NotifyType"]] = {
    "shelter": "failure",
    "prepare": "warning",
    "watch": "info",
    "clear": "success",
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

    def wants(self, alert: AnyAlert) -> bool:
        """Tell whether an alert is for this target: of a place, only what sounds and the end."""
        is_detail = isinstance(alert, PlaceAlert) and alert.notify == "quiet"
        return super().wants(alert) and not (is_detail and alert.message_type != "Cancel")


class AppriseFile(ReceiversFile):
    """A file of Apprise targets."""

    target: Annotated[tuple[TargetOptions, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        once(target.name for target in self.target)
        return self


class AppriseNote(Contract):
    """What people read of an alert."""

    title: str
    body: str
    notify_type: NotifyType


def note_of(alert: AnyAlert, environment: Environment, texts: AppriseTexts) -> AppriseNote:
    """Return an alert in words; an exercise's title says so before all else."""
    headline = alert.headline
    return AppriseNote(
        title=headline if headline.startswith(EXERCISE_MARK) else marked(headline, environment),
        body=texts.body.format(description=alert.description, instruction=alert.instruction),
        notify_type=_notify_type(alert),
    )


def _notify_type(alert: AnyAlert) -> NotifyType:
    """Return the type by which a service chooses colour and sound."""
    if is_abandoned(alert):
        return "warning"
    if isinstance(alert, PlaceAlert):
        return _TYPES[alert.level]
    return "success" if alert.message_type == "Cancel" else "warning"


def expires_ms(alert: AnyAlert, environment: Environment, now_ms: int) -> int:
    """Return until when people should be told of an alert.

    Replays keep their old times, so an exercise's alert holds from now on as long as it held then.
    An actual one ends when it says, whatever it is a replay of.
    """
    if environment is Environment.ACTUAL:
        return to_ms(alert.expires)
    return now_ms + to_ms(alert.expires) - to_ms(alert.time)


class AppriseReceiver:
    """One Apprise URL; implements ``dispatcher.Receiver``."""

    def __init__(
        self, options: TargetOptions, service: Any, environment: Environment, texts: AppriseTexts
    ) -> None:
        self.options = options
        self._service = service
        self._environment = environment
        self._texts = texts
        # Not asyncio's own few threads: a service that hangs would take those from all others.
        self._threads = ThreadPoolExecutor(options.window, f"apprise-{options.name}")

    def payload(self, message: AlertMessage, now_ms: int) -> Payload:
        """Return the words, and until when they hold."""
        note = note_of(message.alert, self._environment, self._texts)
        return Payload(
            note.to_json().decode(), expires_ms(message.alert, self._environment, now_ms)
        )

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
        return bool(
            self._service.notify(
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
        AppriseReceiver(target, _service(url), environment, texts)
        for target, url in zip(file.target, urls, strict=True)
    ]
    return LoadedReceivers(folder / file.outbox, tuple(receivers), (path, *urls))


def _service(path: Path) -> Any:
    """Return Apprise with the URL of a file; raise an error that does not show it."""
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
    plugin = apprise.Apprise.instantiate(read_secret(path).strip(), asset=asset)
    if plugin is None:
        raise InputError(f"{path}: no URL that apprise {apprise.__version__} knows")
    if not plugin.verify_certificate and not is_loopback(getattr(plugin, "host", "") or ""):
        raise InputError(f"{path}: verify=no would trust anybody's certificate")
    service = apprise.Apprise(asset=asset)
    service.add(plugin)
    return service
