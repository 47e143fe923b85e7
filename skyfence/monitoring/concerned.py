"""Whom a source's silence concerns besides those who watch it: places where its incidents stand.

    alerts: incidents' chains ──▶ incident: its sources, the places with its chain ─┐
            places' episodes ───▶ episode: its place, its incidents ────────────────┴▶ places_of

It is read from ``alerts`` as the rest of the status is, and kept with the offsets up to which it
was read, so that a monitor that starts anew knows the same. Does not tell anybody.
"""

from collections.abc import Collection, Mapping

from skyfence.contracts.alert import Alert, AnyAlert, PlaceAlert
from skyfence.contracts.base import Contract, RunName, SourceName
from skyfence.frames.frame import source_of
from skyfence.naming import ZoneName


class OpenIncident(Contract):
    """An incident that is not closed: the sources of its tracks, and the places with its chain."""

    run: RunName
    sources: tuple[SourceName, ...]
    places: tuple[ZoneName, ...]


class OpenEpisode(Contract):
    """A place's episode that has not ended, and the incidents that hold it."""

    run: RunName
    place: ZoneName
    incidents: tuple[str, ...]


class Concerned:
    """The open incidents and episodes of one environment."""

    def __init__(
        self, incidents: Mapping[str, OpenIncident], episodes: Mapping[str, OpenEpisode]
    ) -> None:
        self._incidents = dict(incidents)
        self._episodes = dict(episodes)

    @property
    def incidents(self) -> dict[str, OpenIncident]:
        """Return the open incidents by identifier."""
        return dict(self._incidents)

    @property
    def episodes(self) -> dict[str, OpenEpisode]:
        """Return the open episodes by identifier."""
        return dict(self._episodes)

    def take(self, alert: AnyAlert) -> None:
        """Take in a message of a chain; one that was taken in before changes nothing."""
        if isinstance(alert, PlaceAlert):
            self._take_episode(alert)
        elif isinstance(alert, Alert) and alert.event == "airspace violation":
            self._take_incident(alert)

    def _take_episode(self, alert: PlaceAlert) -> None:
        episode_id = str(alert.episode_id)
        if alert.message_type == "Cancel" or alert.level == "clear":
            self._episodes.pop(episode_id, None)
            return
        incidents = tuple(map(str, alert.incidents))
        self._episodes[episode_id] = OpenEpisode(
            run=alert.run, place=alert.place, incidents=incidents
        )

    def _take_incident(self, alert: Alert) -> None:
        incident_id = str(alert.incident_id)
        if alert.incident_state == "closed":
            self._incidents.pop(incident_id, None)
            return
        before = self._incidents.get(incident_id)
        places = () if before is None else before.places
        sources = {alert.source, *map(source_of, alert.tracks)}
        self._incidents[incident_id] = OpenIncident(
            run=alert.run,
            sources=tuple(sorted(sources)),
            places=tuple(sorted({*places, alert.place})),
        )

    def forget(self, incidents: Collection[str]) -> None:
        """Forget incidents whose end was lost, and the episodes that nothing else holds."""
        gone = set(incidents)
        for incident_id in gone:
            self._incidents.pop(incident_id, None)
        for episode_id, episode in list(self._episodes.items()):
            if gone and episode.incidents and gone.issuperset(episode.incidents):
                del self._episodes[episode_id]

    def places_of(self, run: str, source: str) -> frozenset[str]:
        """Return the places where an incident of a source stands, or an episode that it holds."""
        of_source = {
            name: incident
            for name, incident in self._incidents.items()
            if incident.run == run and source in incident.sources
        }
        chains = {place for incident in of_source.values() for place in incident.places}
        held = {
            episode.place
            for episode in self._episodes.values()
            if episode.run == run and not of_source.keys().isdisjoint(episode.incidents)
        }
        return frozenset(chains | held)
