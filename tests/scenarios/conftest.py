"""One engine with the default zones serves all recordings that a process judges."""

import pytest
from scenarios.judged import Judge


@pytest.fixture(scope="session")
def judge() -> Judge:
    """Return a judge of recordings, which remembers what it has judged."""
    return Judge()
