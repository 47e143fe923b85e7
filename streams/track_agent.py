"""The track agent: frames of ``tracks`` in; crossings, track events and rejected records out.

Thin around ``Tracker``. A frame is acknowledged only when everything that follows from it is
stored. Input that cannot be used is kept in ``rejected`` and never stops the agent.
"""

from collections.abc import Iterable
from typing import Any

import structlog

from skyfence.airspace import Airspace
from skyfence.channels import Environment, Topics
from skyfence.decode import Decoded, Message, decode_message
from skyfence.errors import InputError
from skyfence.facts import Facts
from skyfence.policy import Policy
from skyfence.track_event import SourceClock
from skyfence.tracking import Tracker
from streams.held import Held
from streams.outbox import Outbox, headers_of, observed_headers, timestamp_ms

log = structlog.get_logger()


class TrackAgent:
    """Judges the messages of the partitions of ``tracks`` that a worker has."""

    def __init__(
        self, airspace: Airspace, policy: Policy, environment: Environment, outbox: Outbox
    ) -> None:
        self._environment = environment
        self._topics = Topics(environment)
        self._outbox = outbox
        self._held = Held("track", lambda: Tracker(airspace, environment, policy))

    def assigned(self, partitions: Iterable[int]) -> None:
        """Note which partitions were handed to this worker anew."""
        self._held.assigned(partitions)

    async def take(self, message: Any) -> None:
        """Judge one message; return when all that follows from it is stored."""
        tracker = self._held.state_for(message.partition, message.offset)
        if tracker is None:
            return
        decoded = await self._decode(message)
        if decoded is not None:
            for bad in decoded.bad_rows:
                await self._outbox.reject(message, bad.reason, bad.row)
            await self._send(message, tracker.take(decoded.frame))
        await self._outbox.stored()
        self._held.covered(message.partition, message.offset)

    async def _decode(self, message: Any) -> Decoded | None:
        given = Message(message.key, message.value, headers_of(message), timestamp_ms(message))
        try:
            return decode_message(given, self._environment)
        except InputError as error:
            await self._outbox.reject(message, str(error))
        except Exception:  # a defect of ours must not turn one message into a crash loop
            log.exception("decode.failed", partition=message.partition, offset=message.offset)
            await self._outbox.reject(message, "skyfence could not read this: see its log")
        return None

    async def _send(self, message: Any, facts: Facts) -> None:
        for crossing in facts.crossings:
            key = f"{crossing.source}/{crossing.track_id}"
            await self._outbox.send(self._topics.crossings, key, crossing.to_json(), {})
        for event in facts.events:
            if isinstance(event, SourceClock):
                headers = observed_headers(message, event.time)
                await self._outbox.send(
                    self._topics.track_events, event.key, event.to_json(), headers
                )
                continue
            key = f"{event.source}/{event.track_id}"
            headers = observed_headers(message, event.last_seen)
            await self._outbox.send(self._topics.track_events, key, event.to_json(), headers)
            log.info("track.event", kind=event.kind, track=key, run=event.run)
