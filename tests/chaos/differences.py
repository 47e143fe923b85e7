"""What differs between what was heard and what an undisturbed run says, kept for whoever looks."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from verdict import Message, PlaceEpisode, of_incidents, place_episodes

from skyfence.contracts.alert import PlaceAlert

FILE = "differences.jsonl"


def keep(folder: Path, heard: Mapping[str, Sequence[Message]], expected: Iterable[Message]) -> None:
    """Append to a file all of which the two runs do not say the same.

    A line holds what was ``expected`` and what was ``heard``: an incident's message, null where
    there is none, or all messages of a place's episode.
    """
    all_expected, all_heard = list(expected), list(chain.from_iterable(heard.values()))
    wanted, own = of_incidents(all_expected), of_incidents(all_heard)
    with (folder / FILE).open("a") as file:
        for episode in place_episodes(all_expected) ^ place_episodes(all_heard):
            told = {
                "expected": _told(all_expected, episode),
                "heard": _told(all_heard, episode),
            }
            file.write(json.dumps(told) + "\n")
        for name in dict.fromkeys([*wanted, *own]):
            pair = {"expected": wanted.get(name), "heard": own.get(name)}
            if pair["expected"] != pair["heard"]:
                line = {side: alert and json.loads(alert.to_json()) for side, alert in pair.items()}
                file.write(json.dumps(line) + "\n")


def _told(messages: Iterable[Message], episode: PlaceEpisode) -> list[object]:
    """Return what was told of a place's episode, in the order in which it was."""
    return [
        json.loads(message.to_json())
        for message in messages
        if isinstance(message, PlaceAlert)
        and (message.place, message.episode) == (episode.place, episode.number)
    ]
