"""What each reader of alerts owes at the end of a fault run, by ``docs/guarantees.md``.

    alerts    an incident's says the same when it is judged again
    webhooks  the newest message of each chain came; what came is what was decided, in order
    phones    who was told of danger heard its end; who lives under a shelter that lasts heard it;
              nothing comes more than twice, and a double is one that was counted as in doubt
    public    each step once and in order; a shelter was told, and so was its end; nothing is held
    status    nothing waits, everybody works, and what it counts is what there is
    feeds     whoever was told of a silence was told that it is over; ``silence`` asks the opposite

Each returns what is wrong, in words; nothing where all is well. Does no I/O: ``account`` collects.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from account import Account, Decided
from readers import PEOPLE

from consumers.outbox.items import Entry
from consumers.sms.rules.notice import Notice
from skyfence.contracts.alert import AnyAlert, FeedAlarm, PlaceAlert, PublicAlert, level_rank
from skyfence.contracts.channel_message import is_over

# A person hears of a shelter that lasts so long, milliseconds: a process that dies is back sooner.
_LASTS_MS = 45_000
# A message whose fate is not known may come twice.
_MOST_TIMES = 2
# Until when all was judged is said every two seconds, and each time is a message on its way.
_UNDER_WAY = 5
_WORKED_WITHIN = timedelta(seconds=15)


def broken(account: Account) -> list[str]:
    """Return all that is wrong."""
    return [
        *reworded(account.decided),
        *webhooks(account),
        *phones(account),
        *public(account),
        *status(account),
        *feeds(account.decided),
    ]


def reworded(decided: Iterable[Decided]) -> Iterator[str]:
    """Return which alerts of incidents said something else when they were judged again.

    What a place's message says of the moment follows the order in which sources arrive.
    """
    for each in decided:
        if each.reworded and not isinstance(each.alert, PlaceAlert):
            yield f"alerts: {each.alert.alert_id} said {each.alert!r}, then {each.reworded[0]!r}"


def webhooks(account: Account) -> Iterator[str]:
    """Return what is wrong with what came to the endpoint."""
    decided = {str(each.alert.alert_id): each for each in account.decided}
    alerts = {name: each.alert for name, each in decided.items()}
    came = {str(alert.alert_id): alert for _, alert in account.posts}  # as first sent, in order
    for name, alert in account.posts:
        if str(alert.alert_id) not in name:
            yield f"webhooks: {alert.alert_id} came as {name}"
    for name, alert in came.items():
        each = decided.get(name)
        # What stands when a process begins sounds where a step that sounded went before unheard.
        versions = () if each is None else (each.alert, *each.reworded)
        if alert not in [v.model_copy(update={"notify": alert.notify}) for v in versions]:
            yield f"webhooks: nobody has decided {alert.headline!r}, which came"
    last_by_chain = {_chain(alert): alert for alert in sorted(alerts.values(), key=_order)}
    orders: dict[str, list[tuple[int, int]]] = {}
    for alert in came.values():
        orders.setdefault(_chain(alert), []).append(_order(alert))
    for chain, order in orders.items():
        if order != sorted(order):
            yield f"webhooks: {chain} came in the order {order}"
    for chain, last in last_by_chain.items():
        if str(last.alert_id) not in came and (chain in orders or not is_over(last)):
            yield f"webhooks: {last.headline!r}, the last of {chain}, has not come"


def _chain(alert: AnyAlert) -> str:
    """Return what stays in order: a place over its episodes, or an incident's chain."""
    about = alert.run if isinstance(alert, PlaceAlert) else alert.incident_id
    return f"{alert.channel}/{about}"


def _order(alert: AnyAlert) -> tuple[int, int]:
    return (alert.episode if isinstance(alert, PlaceAlert) else 0, alert.step)


def phones(account: Account) -> Iterator[str]:
    """Return what is wrong with what came to phones."""
    counts = Counter(key for _, key in account.sms)
    for key, count in counts.items():
        entry = account.entries.get(key)
        if entry is None:
            yield f"sms: {key} came, and no outbox has it"
        elif count > _MOST_TIMES or count > 1 + entry.doubts:
            yield f"sms: {key} came {count} times, {entry.doubts} in doubt"
    for number, place in PEOPLE.items():
        keys = [key for to, key in account.sms if to == number and key in account.entries]
        notices = [_notice(account.entries[key]) for key in keys]
        told = [notice for notice in notices if notice.place == place and notice.episode]
        yield from _person(account.decided, place, told)


def _person(decided: Sequence[Decided], place: str, told: Sequence[Notice]) -> Iterator[str]:
    """Return what is wrong with what one person was told of a place."""
    for run, chain in _states_by_run(decided, place).items():
        heard = [notice for notice in told if notice.run == run]
        if heard and is_over(chain[-1].alert) and not heard[-1].last:
            yield f"sms: {place} is over, and was last told {heard[-1].kind}"
        for state, ends_ms in _lasting_shelters(chain):
            if not any(n.level == "shelter" and n.episode == state.episode for n in heard):
                told_ms = ends_ms - _LASTS_MS
                yield f"sms: nobody in {place} was told of the shelter of {told_ms}"


def _lasting_shelters(chain: Sequence[Decided]) -> Iterator[tuple[PlaceAlert, int]]:
    """Yield each state of shelter that lasted, and when it ended."""
    since: Decided | None = None
    for each in chain:
        assert isinstance(each.alert, PlaceAlert)
        if each.alert.level == "shelter":
            since = since or each
        elif since is not None:
            assert isinstance(since.alert, PlaceAlert)
            if each.at_ms - since.at_ms >= _LASTS_MS:
                yield since.alert, each.at_ms
            since = None


def _states_by_run(decided: Iterable[Decided], place: str) -> dict[str, list[Decided]]:
    """Return a place's states, in order, by run."""
    states: dict[str, list[Decided]] = {}
    for each in sorted(decided, key=lambda each: _order(each.alert)):
        if isinstance(each.alert, PlaceAlert) and each.alert.place == place:
            states.setdefault(each.alert.run, []).append(each)
    return states


def _notice(entry: Entry) -> Notice:
    return Notice.model_validate_json(entry.body)


def public(account: Account) -> Iterator[str]:
    """Return what is wrong with what the public was told."""
    if account.held:
        yield f"public: {account.held} messages are held, and their deadlines are over"
    regions = {
        each.alert.place
        for each in account.decided
        if isinstance(each.alert, PlaceAlert) and each.alert.place_kind == "region"
    }
    for region in sorted(regions):
        heard = account.public.get(region, ())
        yield from _in_order(region, heard)
        for chain in _states_by_run(account.decided, region).values():
            yield from _region(region, [each.alert for each in chain], heard)


def _in_order(region: str, heard: Sequence[PublicAlert]) -> Iterator[str]:
    steps: dict[str, list[int]] = {}
    for message in heard:
        steps.setdefault(str(message.incident_id), []).append(message.step)
    for counted in steps.values():
        if counted != sorted(set(counted)):  # what was held may give way to the next step
            yield f"public: {region} heard the steps {counted}"


def _region(region: str, states: Sequence[AnyAlert], heard: Sequence[PublicAlert]) -> Iterator[str]:
    """Return what a region's public was not told of its last episode in a run."""
    assert all(isinstance(state, PlaceAlert) for state in states)
    last = states[-1]
    of_last = [message for message in heard if message.incident_id == last.incident_id]
    gravest = max(
        (state.level for state in states if isinstance(state, PlaceAlert)), key=level_rank
    )
    if is_over(last) and of_last and not is_over(of_last[-1]):
        yield f"public: {region} is over, and last heard {of_last[-1].headline!r}"
    if gravest == "shelter" and not any(message.level == "shelter" for message in heard):
        yield f"public: {region} took shelter, and its public heard nothing of it"


def status(account: Account) -> Iterator[str]:
    """Return what is wrong with the status."""
    said = account.status
    if said is None:
        yield "status: there is none"
        return
    for lag in said.lags:
        if lag.messages > _UNDER_WAY:
            yield f"status: {lag.messages} messages of {lag.topic}/{lag.partition} wait"
    if said.judged is None or said.as_of - said.judged.until > _WORKED_WITHIN:
        yield f"status: judged until {said.judged}, as of {said.as_of}"
    for process in said.processes:
        if process.done_to is None or said.as_of - process.done_to > _WORKED_WITHIN:
            yield f"status: {process.name} worked until {process.done_to}, as of {said.as_of}"
    if {"relay", "desk", "sms-duty", "webhooks"} - {each.name for each in said.processes}:
        yield f"status: knows only the processes {[each.name for each in said.processes]}"
    if sum(said.rejected.values()) != account.rejected:
        yield f"status: counts {said.rejected} rejected, and {account.rejected} are"


def feeds(decided: Iterable[Decided]) -> Iterator[str]:
    """Return which alarms of silent sources stand, when none is silent."""
    for alarm in standing(decided):
        yield f"feeds: {alarm.place} believes that {alarm.key} is {alarm.cause} in {alarm.run}"


def standing(decided: Iterable[Decided]) -> list[FeedAlarm]:
    """Return the alarms of silent sources that are not over."""
    last: dict[tuple[str, str], FeedAlarm] = {}
    for each in decided:
        alarm = each.alert
        if isinstance(alarm, FeedAlarm):
            chain = (alarm.place, str(alarm.incident_id))
            if chain not in last or alarm.step > last[chain].step:
                last[chain] = alarm
    return [alarm for alarm in last.values() if not is_over(alarm)]
