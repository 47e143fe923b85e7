"""What a fault run proves or refutes: what was heard against what an undisturbed run says."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from skyfence.contracts.alert import Alert


@dataclass(frozen=True)
class Verdict:
    """Alerts expected, and those missing, said twice, different, unexpected or out of order."""

    expected: int
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
        return not any(wrong)


def judge(heard: Mapping[str, Sequence[Alert]], expected: Iterable[Alert]) -> Verdict:
    """Compare what each place heard with what it should have."""
    wanted = {str(alert.alert_id): alert for alert in expected}
    all_heard = [alert for alerts in heard.values() for alert in alerts]
    counts = Counter(str(alert.alert_id) for alert in all_heard)
    different = [
        str(alert.alert_id)
        for alert in all_heard
        if wanted.get(str(alert.alert_id), alert) != alert
    ]
    return Verdict(
        expected=len(wanted),
        missing=tuple(alert_id for alert_id in wanted if alert_id not in counts),
        repeated=tuple(alert_id for alert_id, count in counts.items() if count > 1),
        different=tuple(different),
        unexpected=tuple(alert_id for alert_id in counts if alert_id not in wanted),
        disordered=tuple(_disordered(heard)),
    )


def _disordered(heard: Mapping[str, Sequence[Alert]]) -> list[str]:
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
