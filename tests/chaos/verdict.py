"""What a fault run proves or refutes: what was heard against what an undisturbed run says.

Incidents' chains must be the same, message by message. Of places the episodes must: which there
were, how grave each became, and when it was over. How many messages an episode has, and what each
says of the moment, depends on the order in which sources arrive, and is not compared.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from skyfence.contracts.alert import Alert, PlaceAlert, PlaceLevel, level_rank

Message = Alert | PlaceAlert


@dataclass(frozen=True)
class PlaceEpisode:
    """An episode of a place: its number, its gravest level, and since when it is over, if it is."""

    place: str
    number: int
    gravest: PlaceLevel
    cleared: datetime | None


@dataclass(frozen=True)
class Verdict:
    """Alerts expected, and those missing, said twice, different, unexpected or out of order.

    ``episodes`` are those of places that the other run does not have alike; ``place_messages``
    counts the messages of places that were heard.
    """

    expected: int
    place_messages: int
    episodes: tuple[str, ...]
    missing: tuple[str, ...]
    repeated: tuple[str, ...]
    different: tuple[str, ...]
    unexpected: tuple[str, ...]
    disordered: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """Return how many alerts each finding is about."""
        return {
            name: len(finding) if isinstance(finding, tuple) else finding
            for name, finding in vars(self).items()
        }

    @property
    def holds(self) -> bool:
        """Tell whether nothing was lost and nothing said twice."""
        wrong = (self.missing, self.repeated, self.different, self.unexpected, self.disordered)
        return not any((*wrong, self.episodes))


def judge(heard: Mapping[str, Sequence[Message]], expected: Iterable[Message]) -> Verdict:
    """Compare what each place heard with what it should have."""
    every = list(expected)
    wanted = of_incidents(every)
    all_heard = [message for messages in heard.values() for message in messages]
    counts = Counter(str(message.alert_id) for message in all_heard)
    own = of_incidents(all_heard)
    different = [name for name, alert in own.items() if wanted.get(name, alert) != alert]
    episodes = place_episodes(every) ^ place_episodes(all_heard)
    return Verdict(
        expected=len(wanted),
        place_messages=len(counts) - len(own),
        episodes=tuple(sorted(map(str, episodes))),
        missing=tuple(alert_id for alert_id in wanted if alert_id not in counts),
        repeated=tuple(alert_id for alert_id, count in counts.items() if count > 1),
        different=tuple(different),
        unexpected=tuple(alert_id for alert_id in own if alert_id not in wanted),
        disordered=tuple(disordered(heard)),
    )


def of_incidents(messages: Iterable[Message]) -> dict[str, Alert]:
    """Return the messages of incidents, by their identifiers."""
    return {str(alert.alert_id): alert for alert in messages if isinstance(alert, Alert)}


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the verdict of several runs."""
    return Verdict(
        expected=sum(verdict.expected for verdict in verdicts),
        place_messages=sum(verdict.place_messages for verdict in verdicts),
        episodes=tuple(each for verdict in verdicts for each in verdict.episodes),
        missing=tuple(each for verdict in verdicts for each in verdict.missing),
        repeated=tuple(each for verdict in verdicts for each in verdict.repeated),
        different=tuple(each for verdict in verdicts for each in verdict.different),
        unexpected=tuple(each for verdict in verdicts for each in verdict.unexpected),
        disordered=tuple(each for verdict in verdicts for each in verdict.disordered),
    )


def place_episodes(messages: Iterable[Message]) -> set[PlaceEpisode]:
    """Return the episodes that messages of places tell of."""
    chains: dict[tuple[str, int], list[PlaceAlert]] = defaultdict(list)
    for message in messages:
        if isinstance(message, PlaceAlert):
            chains[message.place, message.episode].append(message)
    return {
        PlaceEpisode(
            place=place,
            number=number,
            gravest=max((each.level for each in chain), key=level_rank),
            cleared=next((each.time for each in chain if each.level == "clear"), None),
        )
        for (place, number), chain in chains.items()
    }


def disordered(heard: Mapping[str, Sequence[Message]]) -> list[str]:
    """Return the chains whose steps a place heard in another order than 1, 2, 3, …."""
    chains: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, alerts in heard.items():
        for alert in alerts:
            chains[place, str(alert.incident_id)].append(alert.step)
    return [
        f"{place}/{incident}: {steps}"
        for (place, incident), steps in chains.items()
        if steps != list(range(1, len(steps) + 1))
    ]
