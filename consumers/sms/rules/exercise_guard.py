"""Keeps exercises and actual alerts apart on their way to phones.

    start       environment and gateway file agree, or the process does not start
    alert       status and channel are the environment's, or it is not put
    submission  the notice's status is the gateway's, and the text begins with the exercise word
                exactly where it is an exercise's, or it is not handed over

Each of the three holds by itself: an outbox that another gateway filled is stopped by the last.
"""

from collections.abc import Iterable

from consumers.sms.rules.notice import Notice
from skyfence.contracts.alert import AnyAlert, status_of
from skyfence.errors import UsageError
from skyfence.naming import Environment, operators_channel


def check_agreement(environment: Environment, *, exercises: bool, where: str) -> None:
    """Raise ``UsageError`` unless a gateway is meant for the environment."""
    if exercises is not (environment is Environment.EXERCISE):
        meant = "exercises" if exercises else "actual alerts"
        raise UsageError(
            f"{where}: the gateway is for {meant} (exercises = {str(exercises).lower()}), "
            f"SKYFENCE_ENVIRONMENT is {environment}: they must agree"
        )


def is_foreign(alert: AnyAlert, environment: Environment) -> bool:
    """Tell whether an alert's status or channel is another environment's."""
    return alert.status != status_of(environment) or alert.channel != operators_channel(
        environment, alert.place
    )


def refusal(
    notice: Notice, text: str, environment: Environment, word: str, words: Iterable[str]
) -> str | None:
    """Return why a gateway of this environment may not send a text, None if it may.

    ``word`` is the exercise word of the text's language, ``words`` are those of all languages.
    """
    if notice.status != status_of(environment):
        return f"status {notice.status} is not for a gateway of {environment} alerts"
    if environment is Environment.EXERCISE:
        return None if text.startswith(word + ": ") else "an exercise without its word"
    if any(text.startswith(exercise_word) for exercise_word in words):
        return "an exercise word before an actual alert"
    return None
