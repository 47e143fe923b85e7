"""Lists that change while a gateway runs: the new one when it is in order, else the old one."""

import os
from pathlib import Path

import pytest
import structlog
from prometheus_client import REGISTRY
from sms_rig import LV_NUMBER, NAMES, RO_NUMBER, TEXTS, gateway_file

from consumers.sms import recipient_lists
from consumers.sms.rules.recipients import KnownPlaces, RecipientList
from skyfence.errors import InputError, UnavailableError
from skyfence.naming import Environment

KNOWN = KnownPlaces(TEXTS.languages, {*NAMES, "NATO"})
HEADER = "number,language,places\n"


def write(path: Path, text: str, number: int) -> None:
    """Write a file as of another moment than before."""
    path.write_text(text)
    os.utime(path, ns=(number, number))


def recipients(path: Path) -> recipient_lists.ReloadedList[RecipientList]:
    """Follow a file of recipients."""
    file = gateway_file(recipients=str(path))
    return recipient_lists.recipients(file, Environment.EXERCISE, KNOWN, None)


async def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    """Without a restart, and only when it has changed."""
    path = tmp_path / "p.csv"
    write(path, f"{HEADER}{RO_NUMBER},ro,AA-1\n", 1)
    followed = recipients(path)
    first = await followed.get()
    assert await followed.get() is first
    write(path, f"{HEADER}{RO_NUMBER},ro,AA-1\n{LV_NUMBER},lv,AA-1\n", 2)
    assert [recipient.number for recipient in (await followed.get()).recipients] == [
        RO_NUMBER,
        LV_NUMBER,
    ]


async def test_a_file_that_became_wrong_leaves_the_old_list(tmp_path: Path) -> None:
    """The error is logged once and counted, without numbers; mended, it is read."""
    path = tmp_path / "p.csv"
    write(path, f"{HEADER}{RO_NUMBER},ro,AA-1\n", 1)
    followed = recipients(path)
    first = await followed.get()
    before = REGISTRY.get_sample_value("skyfence_sms_list_failures_total", {"list": "recipients"})
    with structlog.testing.capture_logs() as logs:
        write(path, f"{HEADER}{LV_NUMBER},xx,AA-1\n", 2)
        assert [await followed.get() for _ in range(3)] == [first] * 3
        path.unlink()
        assert [await followed.get() for _ in range(3)] == [first] * 3
    failures = [line for line in logs if line["event"] == "sms.list_kept"]
    assert len(failures) == 2
    assert (
        failures[0]["reason"] == f"{path}: line 2: language 'xx' has no texts, there are en, lv, ro"
    )
    assert LV_NUMBER[1:] not in str(logs)
    after = REGISTRY.get_sample_value("skyfence_sms_list_failures_total", {"list": "recipients"})
    assert after == (before or 0) + 2
    write(path, f"{HEADER}{LV_NUMBER},lv,AA-1\n", 3)
    assert [recipient.number for recipient in (await followed.get()).recipients] == [LV_NUMBER]


async def test_a_file_that_is_wrong_at_the_start_is_an_error(tmp_path: Path) -> None:
    """As a whole: there is no old list to fall back on; nor is a missing file an empty one."""
    path = tmp_path / "p.csv"
    with pytest.raises(UnavailableError, match=r"p\.csv: no such file or directory"):
        await recipients(path).get()
    path.write_text(f"{HEADER}{RO_NUMBER},ro,AA-1\n1,ro,AA-1\n{LV_NUMBER},lv,AA-9\n")
    with pytest.raises(InputError, match=r"p\.csv: line 3: number \* is not .* \(and 1 more\)$"):
        await recipients(path).get()
    file = gateway_file(opt_outs=str(tmp_path / "none.txt"))
    with pytest.raises(UnavailableError, match=r"none\.txt: no such file"):
        await recipient_lists.opt_outs(file, Environment.EXERCISE, None).get()


async def test_opt_outs_are_followed_likewise(tmp_path: Path) -> None:
    """A number that is added counts at once; a line that is none leaves the list as it was."""
    path = tmp_path / "o.txt"
    write(path, "", 1)
    followed = recipient_lists.opt_outs(
        gateway_file(opt_outs=str(path)), Environment.EXERCISE, None
    )
    assert await followed.get() == frozenset()
    write(path, f"{RO_NUMBER}\n", 2)
    assert await followed.get() == {RO_NUMBER}
    write(path, "who?\n", 3)
    assert await followed.get() == {RO_NUMBER}
