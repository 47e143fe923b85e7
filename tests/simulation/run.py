"""Play worlds, one for each seed; say what failed, with the fewest faults, and what was reached.

    python tests/simulation/run.py --seed 1 --count 100      # these seeds
    python tests/simulation/run.py --seconds 600 --jobs 2    # as many as there is time for
    python tests/simulation/run.py --seed 17 --count 1 -v    # one again, with all that happened

Exit status 1 if a world failed. The same seed gives the same world, to the last step, on the same
code and the same Python.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from pathlib import Path
from typing import Final

_TESTS: Final = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS / "support"), str(_TESTS / "chaos")]

from simulation import report
from simulation.outcome import Outcome, play, shrink

# The order of sets of strings hangs on it: without it a seed would not be played again exactly.
_HASH_SEED: Final = "0"


def main() -> int:
    """Play; return the exit status."""
    options = _options()
    if os.environ.get("PYTHONHASHSEED") != _HASH_SEED:
        os.environ["PYTHONHASHSEED"] = _HASH_SEED
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    began_s = time.perf_counter()
    outcomes = list[Outcome]()
    for outcome in _outcomes(options, began_s):
        outcomes.append(outcome)
        if options.verbose or outcome.broken:
            _show(outcome)
        if outcome.broken and options.shrink:
            print("with the fewest faults:")
            _show(shrink(outcome))
    print("\n".join(report.lines(outcomes, time.perf_counter() - began_s)))
    return int(any(outcome.broken for outcome in outcomes))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--count", type=int, help="how many")
    parser.add_argument("--seconds", type=float, help="begin no world after so long")
    parser.add_argument("--jobs", type=int, default=1, help="processes beside one another")
    parser.add_argument("--no-shrink", dest="shrink", action="store_false")
    parser.add_argument("-v", "--verbose", action="store_true", help="show each world")
    options = parser.parse_args()
    if options.count is None and options.seconds is None:
        options.count = 10
    return options


def _outcomes(options: argparse.Namespace, began_s: float) -> Iterator[Outcome]:
    seeds = (
        count(options.seed)
        if options.count is None
        else range(options.seed, options.seed + options.count)
    )
    if options.jobs == 1:
        for seed in seeds:
            if options.seconds is not None and time.perf_counter() - began_s > options.seconds:
                return
            yield play(seed)
        return
    with ProcessPoolExecutor(options.jobs) as pool:
        waiting = iter(seeds)
        while options.seconds is None or time.perf_counter() - began_s < options.seconds:
            batch = [seed for seed, _ in zip(waiting, range(4 * options.jobs), strict=False)]
            if not batch:
                return
            yield from pool.map(play, batch)


def _show(outcome: Outcome) -> None:
    print(f"seed {outcome.seed}: {outcome.steps} steps, trace {outcome.trace[:16]}")
    for fault in outcome.faults:
        print(f"  {fault}")
    for name, number in sorted(outcome.events.items()):
        print(f"      {number:5d}  {name}")
    for text in outcome.broken:
        print(f"  BROKEN  {text}")


if __name__ == "__main__":
    sys.exit(main())
