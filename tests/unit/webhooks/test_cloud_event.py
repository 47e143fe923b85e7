"""What a webhook carries: the event, and the signature."""

import base64
import json

import pytest
from builders import place_alert
from receiving import story

from consumers.webhooks.cloud_event import cloud_event, default_source
from consumers.webhooks.signature import parse_secret, signed_headers
from skyfence.contracts.alert import AlertMessage, PlaceLevel, Timeline
from skyfence.errors import InputError
from skyfence.naming import Environment

# The vector that the Standard Webhooks project's own libraries are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_vector_is_signed_as_published() -> None:
    """Any library of Standard Webhooks accepts our signature."""
    headers = signed_headers(MESSAGE_ID, 1_614_265_330, BODY, [parse_secret(SECRET)])
    assert headers == {
        "webhook-id": MESSAGE_ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_two_secrets_sign_at_once() -> None:
    """Each secret's signature stands in the header as if it were alone, in their order."""
    other = base64.b64decode("c2Vjb25k" * 4)
    both = signed_headers(MESSAGE_ID, 1_614_265_330, BODY, [other, parse_secret(SECRET)])
    alone = signed_headers(MESSAGE_ID, 1_614_265_330, BODY, [other])["webhook-signature"]
    assert both["webhook-signature"].split(" ") == [alone, SIGNATURE]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "it does not begin with whsec_"),
        ("whsec_MfKQ9r8GKYqr*TwjUPD8ILPZIo2LaLa", "what follows whsec_ is not base64"),
        ("whsec_MfKQ9r8G", "it has 6 bytes, not 24 to 64"),
        ("whsec_" + "QUFB" * 22, "it has 66 bytes, not 24 to 64"),
    ],
)
def test_a_bad_secret_is_not_shown(text: str, reason: str) -> None:
    """What is wrong with a secret is said without it."""
    with pytest.raises(InputError) as caught:
        parse_secret(text)
    assert str(caught.value) == f"no webhook secret: {reason}"


def test_an_event_has_what_cloud_events_asks_for() -> None:
    """All required attributes of version 1.0 are there, and data is the alert message itself."""
    message = story()[0]
    written = json.loads(cloud_event(message, "urn:example").to_json())
    assert written.pop("data") == json.loads(message.to_json())
    assert written == {
        "specversion": "1.0",
        "id": str(message.alert.alert_id),
        "source": "urn:example",
        "type": "skyfence.airspace-violation",
        "subject": "exercise:alerts:AA",
        "notify": "quiet",
        "time": "2024-09-07T03:59:00.000Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:skyfence:schema:alert-message:2",
    }


@pytest.mark.parametrize("level", ["watch", "prepare", "shelter", "clear"])
def test_the_type_names_the_level_of_a_place(level: PlaceLevel) -> None:
    """Integrators act before, during and after by the type alone, and know whom to wake."""
    alert = place_alert(level, notify="quiet")
    event = cloud_event(AlertMessage(alert=alert, timeline=Timeline()), "urn:example")
    assert (event.type, event.notify) == (f"skyfence.place.{level}", "quiet")


def test_losing_track_is_no_level() -> None:
    """An episode that ends because the system lost track is neither its level nor clear."""
    alert = place_alert("shelter", 2, message_type="Cancel", certainty="Unknown")
    event = cloud_event(AlertMessage(alert=alert, timeline=Timeline()), "urn:example")
    assert event.type == "skyfence.place.untracked"


def test_environments_have_sources_of_their_own() -> None:
    """A receiver of both tells an exercise's events by their source alone."""
    assert default_source(Environment.EXERCISE) != default_source(Environment.ACTUAL)
