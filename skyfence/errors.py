"""Errors that a person can act on: one exact line, lower-case, showing the offending value.

The command line prints such an error without a traceback and exits with its ``exit_code``.
Anything else that escapes is a defect and keeps its traceback.
"""


class SkyfenceError(Exception):
    """Base of all errors whose message is written for the user."""

    exit_code = 1


class InputError(SkyfenceError):
    """Something given to skyfence (a file, a message, a field) is not what it must be."""


class UsageError(SkyfenceError):
    """The command line or a setting asks for what cannot be done."""

    exit_code = 2


class UnavailableError(SkyfenceError):
    """Kafka, Redis or a file that is needed cannot be reached."""

    exit_code = 3
