"""What a policy says of a source: who it is, how it reports, what it watches, its limits."""

from typing import Annotated

from pydantic import Field

from skyfence.contracts.base import Contract

ZoneId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
# A radar that is farther off is to be repaired, not corrected for.
BiasM = Annotated[float, Field(strict=True, ge=-10_000, le=10_000, allow_inf_nan=False)]


class SourceRules(Contract):
    """What is known and asked of a source. A policy's sections of sources are their register.

    ``watches`` names the nations and regions that the source covers, which are told of its silence
    besides the alliance; without it, it covers all places, and all member nations are told.
    ``scan_interval_s`` is how often the source reports a track; without it that
    is learned from each track. Nobody is told of a track before it has had ``least_reports`` that
    are measured and confirmed, and at least as fast as ``least_speed_mps`` where they name a speed.
    ``bias_east_m`` and ``bias_north_m`` are how far its reports lie off the truth, where that was
    surveyed: tracks of several sources are compared without it. ``most_tracks`` and
    ``most_reports_per_s`` (the mean of a minute of event time) are its limits, beyond which nothing
    more of it is judged; each shard of it has them for itself. With ``requires_signature`` nothing
    is judged that its key has not signed.
    """

    lateness_ms: Annotated[int, Field(strict=True, ge=0, le=600_000)] = 0
    silent_after_s: Annotated[float, Field(strict=True, gt=0, le=86_400, allow_inf_nan=False)] = (
        60.0  # six heartbeats missed, and the time after which its tracks count as lost
    )
    watches: tuple[ZoneId, ...] | None = None
    # The longest is that of trackers which report every ten minutes.
    scan_interval_s: Annotated[
        float | None, Field(strict=True, ge=0.1, le=600, allow_inf_nan=False)
    ] = None
    # A single plot wakes nobody: radars and decoders make hundreds of false ones an hour.
    least_reports: Annotated[int, Field(strict=True, ge=1, le=100)] = 2
    least_speed_mps: Annotated[float, Field(strict=True, ge=0, le=100, allow_inf_nan=False)] = 0.0
    bias_east_m: BiasM = 0.0
    bias_north_m: BiasM = 0.0
    # What a checkpoint was measured with (docs/decisions/0002), some 300 MB of a worker's memory.
    most_tracks: Annotated[int, Field(strict=True, ge=1, le=1_000_000)] = 100_000
    # Twice 10,000 tracks that report every second, more than any one sensor's.
    most_reports_per_s: Annotated[
        float, Field(strict=True, gt=0, le=1_000_000, allow_inf_nan=False)
    ] = 20_000.0
    requires_signature: Annotated[bool, Field(strict=True)] = False
