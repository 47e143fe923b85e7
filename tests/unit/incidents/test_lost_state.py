"""A state that cannot be read: every chain that stands open in ``alerts`` ends, and ends once."""

from datetime import timedelta

from builders import T0, track_event
from words import ENGLISH

from consumers.sms.rules.notice import kind_of
from skyfence.contracts.alert import Alert, PlaceAlert, is_abandoned
from skyfence.contracts.track_event import OperatorClosed
from skyfence.identity import derive
from skyfence.incidents.decisions import AlertDecisions
from skyfence.incidents.incident import EpisodeKey, incident_id
from skyfence.incidents.lost_state import LastMessages, end_open_chains, keep_last
from skyfence.incidents.manager import IncidentManager
from skyfence.incidents.snapshot import CLOSED_KEPT, IncidentState
from skyfence.naming import Environment

EXERCISE = Environment.EXERCISE
NOW = T0 + timedelta(hours=1)


def manager() -> IncidentManager:
    return IncidentManager(EXERCISE, {}, ENGLISH.operators)


def told() -> list[Alert]:
    """Return the alerts of one incident that is open, and of one that was over."""
    before = manager()
    events = [track_event("entered", 1), track_event("confirmed", 2)]
    events += [
        track_event(kind, n, track_id="T2") for n, kind in enumerate(("entered", "exited"), 1)
    ]
    events.append(track_event("cleared", 3, track_id="T2"))
    return [alert for event in events for alert in before.process(event)]


def ended(alerts: list[Alert]) -> tuple[IncidentState, list[Alert]]:
    last: LastMessages = {}
    for alert in alerts:
        keep_last(last, alert)
    state, cancels = end_open_chains(last, EXERCISE, ENGLISH.operators.abandoned, NOW)
    return state, [cancel for cancel in cancels if isinstance(cancel, Alert)]


def test_every_open_chain_ends_with_a_cancel_that_says_so() -> None:
    """Each place that was warned of what stands open gets the next step, a Cancel, no all-clear."""
    alerts = told()
    own_id = incident_id(EXERCISE, EpisodeKey.of(track_event("entered", 1)))
    _, cancels = ended(alerts)
    assert {cancel.incident_id for cancel in cancels} == {own_id}
    assert {c.place for c in cancels} == {a.place for a in alerts if a.incident_id == own_id}
    for cancel in cancels:
        chain = [a for a in alerts if (a.incident_id, a.channel) == (own_id, cancel.channel)]
        assert cancel.step == len(chain) + 1
        assert cancel.references == tuple(alert.alert_id for alert in chain)
        assert (cancel.message_type, cancel.response_type) == ("Cancel", "Monitor")
        assert is_abandoned(cancel)
        assert "no all-clear" in cancel.instruction


def test_a_places_episode_ends_without_an_all_clear() -> None:
    """Each open episode gets a Cancel that is no clear; the place's next episode is numbered on."""
    before = AlertDecisions(EXERCISE, {}, ENGLISH.operators, nations={"AA-1": "AA"})
    last: LastMessages = {}
    for message in before.process(track_event("entered", 1)):
        keep_last(last, message)
    state, cancels = end_open_chains(last, EXERCISE, ENGLISH.operators.abandoned, NOW)
    ends = {cancel.place: cancel for cancel in cancels if isinstance(cancel, PlaceAlert)}
    assert set(ends) == {"AA-1", "AA", "NATO"}
    assert all(is_abandoned(end) and end.level == "shelter" for end in ends.values())
    after = AlertDecisions(EXERCISE, {}, ENGLISH.operators, nations={"AA-1": "AA"})
    after.state = state
    told = after.process(track_event("updated", 2, changes=("deeper",)))
    episodes = {m.place: m.episode for m in told if isinstance(m, PlaceAlert)}
    assert episodes == {"AA-1": 2, "AA": 2, "NATO": 2}


def test_a_chain_ends_once_however_often_the_agent_is_killed() -> None:
    """Of Cancels that were stored before a kill none is sent again, and the rest are."""
    alerts = told()
    _, cancels = ended(alerts)
    for stored in range(len(cancels) + 1):
        state, rest = ended([*alerts, *cancels[:stored]])
        assert [c.alert_id for c in rest] == [c.alert_id for c in cancels[stored:]]
        assert cancels[0].incident_id in state.stood_down


def test_a_track_that_goes_on_opens_another_incident() -> None:
    """Its chains begin with step 1 of an incident that no channel has heard of."""
    alerts = told()
    after = manager()
    after.state, _ = ended(alerts)
    again = after.process(track_event("updated", 3, changes=("deeper",)))
    assert again
    assert {alert.step for alert in again} == {1}
    assert not {alert.incident_id for alert in again} & {alert.incident_id for alert in alerts}


def test_a_track_whose_incident_was_over_opens_another() -> None:
    """An operator had closed it: a step of the old chain would be taken for one that was told."""
    before = manager()
    alerts = before.process(track_event("entered", 1))
    closed = OperatorClosed(
        run="run",
        time=T0 + timedelta(minutes=1),
        incident_id=alerts[0].incident_id,
        by="anna",
        reason="found",
    )
    alerts += before.process(closed)
    after = manager()
    after.state, cancels = ended(alerts)
    assert not cancels
    again = after.process(track_event("updated", 2, changes=("deeper",)))
    assert again
    assert {alert.step for alert in again} == {1}
    assert not {alert.incident_id for alert in again} & {alert.incident_id for alert in alerts}


def test_what_is_remembered_of_ended_incidents_is_bounded() -> None:
    """Of many thousands the latest are remembered."""
    pattern = told()[-1]
    ids = [derive("test", str(number)) for number in range(CLOSED_KEPT + 5)]
    state, _ = ended([pattern.model_copy(update={"incident_id": own}) for own in ids])
    assert list(state.stood_down) == ids[5:]


def test_a_live_cancel_counts_from_now_and_a_replay_s_from_its_last_message() -> None:
    """A Cancel of the live run has not expired when it is sent; a replay keeps its own time."""
    live = [alert.model_copy(update={"run": "live"}) for alert in told()]
    assert {cancel.time for cancel in ended(live)[1]} == {NOW}
    assert {cancel.time for cancel in ended(told())[1]} == {T0 + timedelta(minutes=2)}


def test_a_situation_ends_and_the_next_has_another_number() -> None:
    """Repeated violations end like the rest, and those that follow are another situation's."""
    situation = told()[0].model_copy(
        update={
            "event": "repeated airspace violations",
            "incident_id": derive("situation", EXERCISE, "run", "NATO", 2),
            "place": "NATO",
            "place_kind": "alliance",
        }
    )
    state, cancels = ended([situation])
    assert [cancel.event for cancel in cancels] == ["repeated airspace violations"]
    assert state.runs["run"].situation.number == 2
    assert state.stood_down == {}


def test_phones_hear_that_it_is_no_all_clear() -> None:
    """An SMS of an episode's Cancel says that tracking was lost, and not that it is over."""
    before = AlertDecisions(EXERCISE, {}, ENGLISH.operators, nations={"AA-1": "AA"})
    last: LastMessages = {}
    for message in before.process(track_event("entered", 1)):
        keep_last(last, message)
    _, cancels = end_open_chains(last, EXERCISE, ENGLISH.operators.abandoned, NOW)
    kinds = [kind_of(cancel) for cancel in cancels if isinstance(cancel, PlaceAlert)]
    assert kinds == ["untracked"] * 3
