"""The tables of a language's file: which texts there are, and which names each may have in braces.

    [operators.…]   alerts on operators' channels: headline, description, instruction
    [feed]          feed alarms, for operators
    [public.…]      the public's text
    [sms.…]         SMS
    [apprise]       messages through Apprise

A text is a template in Python's form, ``{place}``, with plain names only: no attribute, index,
conversion or format, so that a file of texts can neither reach into an object nor blow a message
up. Numbers arrive written out. CAP's words (``Shelter``, ``Severe``) are codes that machines read
and no texts; nor is the mark of exercises in a headline (``contracts.alert``), which programs look
for.
"""

import string
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from skyfence.contracts.alert import ResponseType
from skyfence.contracts.base import Contract
from skyfence.contracts.report import Category
from skyfence.contracts.track_event import TrackEventKind

# What there is to tell of an incident: a track's own event, or what was learnt by joining tracks.
UpdateKind = (
    TrackEventKind
    | Literal["joined", "continued", "merged", "separated", "may_be_lost", "reopened"]
    | Literal["operator_joined", "stood_down", "dismissed"]
)
# Kinds of public text, one for each level of a place; Untracked ends a warning of which the system
# lost track.
PublicKind = ResponseType | Literal["Untracked"]
NoticeKind = Literal[
    "threat",  # with the minutes left
    "threat_now",  # in less than a minute
    "threat_open",  # the time is unknown, or it may be there
    "violation",
    "threat_many",  # these four: of several objects
    "threat_now_many",
    "threat_open_many",
    "violation_many",
    "lost",  # where people are in shelter
    "lost_watch",  # where they are not
    "averted",
    "unseen",  # no healthy source covers the place, and nothing threatens it
    "all_clear",
    "untracked",  # the chain ends without an all-clear: the system lost track
    "feed_silent",
    "feed_back",
    "feed_given_up",
]


def why_no_template(template: str, allowed: frozenset[str]) -> str | None:
    """Return what is wrong with a template in which only the allowed names may be in braces."""
    try:
        names = placeholders(template)
    except ValueError as error:
        return str(error)
    unknown = [name for name in names if name not in allowed]
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in sorted(allowed)) or "nothing"
        return f"{{{unknown[0]}}} in braces, where {known} may be"
    return None


def placeholders(template: str) -> list[str]:
    """Return what stands in braces, conversion and format included; raise ``ValueError``."""
    return [
        name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
        for _, name, form, conversion in string.Formatter().parse(template)
        if name is not None
    ]


def _with(*names: str) -> AfterValidator:
    """Return the check of a text that may have these names in braces."""
    allowed = frozenset(names)

    def check(template: str) -> str:
        if (reason := why_no_template(template, allowed)) is not None:
            raise ValueError(reason)
        return template

    return AfterValidator(check)


# A sentence names no more places than this, and then says how many more there are.
MOST_NAMES: Final = 20
Word = Annotated[str, _with()]
_Headline = Annotated[
    str,
    _with(
        *("thing", "nations", "over", "last_seen", "origin", "towards"),
        *("soon", "change", "rule", "operator"),
    ),
]
_Key = Annotated[str, _with("key")]
_KeySince = Annotated[str, _with("key", "since")]
_Nations = Annotated[str, _with("nations")]
_Regions = Annotated[str, _with("regions")]
_Neighbours = Annotated[str, _with("neighbours")]
_Minutes = Annotated[str, _with("minutes")]
_Value = Annotated[str, _with("value")]
_Seen = Annotated[str, _with("time", "position")]
_ForPlace = Annotated[str, _with("thing", "place", "soon", "whereabouts")]
_OfPlace = Annotated[str, _with("objects", "place", "soon", "lost")]
_Count = Annotated[str, _with("count")]


class OperatorWords(Contract):
    """Words that stand within the sentences of operators' alerts."""

    alliance: Word
    protected_airspace: Word  # where no nation is known
    no_region: Word
    the_policy: Word  # where a rule has no name
    an_operator: Word
    list_comma: Word
    list_and: Word
    list_more: _Count  # after the first of many, how many more there are

    def listed(self, items: Sequence[str]) -> str:
        """Join items by commas; of more than ``MOST_NAMES`` the first, and the others' number."""
        line = self.list_comma.join(items[:MOST_NAMES])
        more = len(items) - MOST_NAMES
        return line + self.list_more.format(count=more) if more > 0 else line


class HeadlineParts(Contract):
    """What a headline has only where it is known; begins with its own blank or comma."""

    over: _Regions
    last_seen: _Regions
    origin: _Neighbours
    towards: _Neighbours
    soon: _Minutes
    heading: _Regions
    deeper: Annotated[str, _with("depth_km")]
    faster: Annotated[str, _with("speed_mps")]
    emergency: Word


class MinutesLeft(Contract):
    """Whole minutes left: less than one, and CLDR's plural categories of English."""

    under_one: Word
    one: Word
    other: _Minutes


class Whereabouts(Contract):
    """Where an object is now, for a reader in a place that it moved on from."""

    heading: _Nations
    in_nations: _Nations
    over_regions: _Regions
    maybe_in_nations: _Nations
    maybe_over_regions: _Regions


class PlaceHeadlines(Contract):
    """The headline of a region that the object is not in."""

    ahead: _ForPlace
    averted: _ForPlace
    left: _ForPlace


class Compass(Contract):
    """A latitude or longitude, degrees without a sign."""

    north: Annotated[str, _with("degrees")]
    south: Annotated[str, _with("degrees")]
    east: Annotated[str, _with("degrees")]
    west: Annotated[str, _with("degrees")]


class ObjectFacts(Contract):
    """What is known of an object; joined by commas to one sentence."""

    altitude: Annotated[str, _with("altitude_m")]
    altitude_above: Annotated[str, _with("altitude_m", "reference")]
    speed: Annotated[str, _with("speed_mps")]
    course: Annotated[str, _with("course_deg")]
    callsign: _Value
    mode_3a: _Value
    icao_address: _Value
    sentence: Annotated[str, _with("facts")]


class Descriptions(Contract):
    """The sentences of a description."""

    crossed: _Seen
    last_seen: _Seen
    ahead: _Regions
    ahead_region: Annotated[str, _with("region", "minutes")]
    depth: Annotated[str, _with("depth_km")]
    search: Annotated[str, _with("radius_km", "growth_km")]
    probability: Annotated[str, _with("probability")]
    may_be: Annotated[str, _with("count")]
    closed: Annotated[str, _with("operator", "reason")]
    decided: Annotated[str, _with("operator", "reason")]
    track: Annotated[str, _with("track", "source", "zones")]


class Instructions(Contract):
    """What an operator is to do."""

    merged: Word
    stand_down: Word
    keep_watching: Word
    follow: Word
    warn: Word
    make_ready: Word


class RepeatedTexts(Contract):
    """Repeated violations, for the alliance."""

    headline: Annotated[str, _with("count", "where")]
    headline_over: Annotated[str, _with("count", "where")]
    headline_corrected: Annotated[str, _with("count", "where")]
    where: _Nations
    description: Annotated[str, _with("violations")]
    violation: Annotated[str, _with("track", "source", "lat", "lon")]
    more: Annotated[str, _with("count")]
    separator: Word
    instruction: Word
    instruction_over: Word


class PlaceTexts(Contract):
    """The state of a place; how many are lost, and ``unseen``, begin with their own comma."""

    objects_one: Word
    objects_other: _Count
    numbers: Word
    shelter: _OfPlace
    prepare: _OfPlace
    prepare_near: _OfPlace
    prepare_lost: _OfPlace
    watch: _OfPlace
    watch_lost: _OfPlace
    clear: _OfPlace
    lost_some: _Count
    lost_all: Word
    unseen: Annotated[str, _with("place")]
    description: Annotated[str, _with("place", "level", "time", "details", "step")]
    objects: Annotated[str, _with("count", "lost")]
    regions: Annotated[str, _with("places")]
    nations: Annotated[str, _with("places")]


class AbandonedTexts(Contract):
    """The Cancel of a chain whose incident the system lost track of."""

    headline: Word
    description: Annotated[str, _with("before")]
    instruction: Word


class OperatorTexts(Contract):
    """Alerts of incidents on operators' channels.

    ``headline`` has a line for each news; ``headline_outside`` those that differ for what is only
    on its way, ``headline_possible`` those for what is only possibly inside.
    """

    words: OperatorWords
    objects: dict[Category, Word]
    headline: dict[UpdateKind, _Headline]
    headline_outside: dict[UpdateKind, _Headline]
    headline_possible: dict[UpdateKind, _Headline]
    headline_parts: HeadlineParts
    place_headline: PlaceHeadlines
    minutes: MinutesLeft
    whereabouts: Whereabouts
    position: Compass
    object: ObjectFacts
    description: Descriptions
    instruction: Instructions
    place: PlaceTexts
    repeated: RepeatedTexts
    abandoned: AbandonedTexts


class FeedTexts(Contract):
    """Feed alarms: a source is silent, not judged, its clock wrong, it is back, or given up.

    ``unregistered`` stands for all sources that no policy names.
    """

    silent: _KeySince
    silent_instruction: _Key
    unjudged: _KeySince
    unjudged_instruction: _Key
    clock: _KeySince
    clock_instruction: _Key
    back: Annotated[str, _with("key", "since", "until")]
    back_instruction: _Key
    given_up: _KeySince
    given_up_instruction: _Key
    unregistered: Annotated[str, _with("since")]
    unregistered_instruction: str
    unregistered_over: str
    unregistered_over_instruction: str
    description: Annotated[str, _with("key", "run", "since", "limit_s")]


class SeveralObjects(Contract):
    """The number of objects in words: ``words`` for two, three and so on, ``other`` for more."""

    words: tuple[Word, ...]
    other: Annotated[str, _with("count")]


class PublicTexts(Contract):
    """What the public of a region hears.

    ``minutes`` begin with their own blank, ``several`` with their own colon; ``unseen`` follows the
    instruction where no sensor covers the region.
    """

    headline: dict[PublicKind, Annotated[str, _with("region", "soon", "several")]]
    instruction: dict[PublicKind, Word]
    unseen: Annotated[str, _with("region")]
    minutes: MinutesLeft
    several: SeveralObjects


class SmsTexts(Contract):
    """SMS for regions; ``above`` those for nations and the alliance that differ.

    ``unseen`` is put behind any of them where no sensor covers the place and there is room.
    """

    unseen: Word
    texts: dict[NoticeKind, str]
    above: dict[NoticeKind, str] = Field(default_factory=dict)


class AppriseTexts(Contract):
    """Messages through Apprise."""

    body: Annotated[str, _with("description", "instruction")]


class Language(Contract):
    """One language, whole: what its file lacks has been filled up from English.

    ``exercise`` begins an exercise's SMS; ``places`` are names of places in this language, for SMS.
    """

    name: str
    exercise: Annotated[str, Field(pattern=r"^[^\s:]+$")]
    places: dict[str, str] = Field(default_factory=dict)
    operators: OperatorTexts
    feed: FeedTexts
    public: PublicTexts
    sms: SmsTexts
    apprise: AppriseTexts
