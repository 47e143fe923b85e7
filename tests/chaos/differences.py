"""What differs between what was heard and what an undisturbed run says, kept for whoever looks."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from verdict import Message, of_incidents

FILE = "differences.jsonl"


def keep(folder: Path, heard: Mapping[str, Sequence[Message]], expected: Iterable[Message]) -> None:
    """Append to a file each incident's message of which the two runs do not say the same.

    A line holds what was ``expected`` and what was ``heard``, null where there is none.
    """
    wanted, own = of_incidents(expected), of_incidents(chain.from_iterable(heard.values()))
    with (folder / FILE).open("a") as file:
        for name in dict.fromkeys([*wanted, *own]):
            pair = {"expected": wanted.get(name), "heard": own.get(name)}
            if pair["expected"] != pair["heard"]:
                line = {
                    side: None if alert is None else json.loads(alert.to_json())
                    for side, alert in pair.items()
                }
                file.write(json.dumps(line) + "\n")
