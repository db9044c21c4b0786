"""A learner that follows leaves a core to whoever answers shoppers."""

import os
import subprocess
import sys
import time
from argparse import Namespace
from contextlib import suppress
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from penchant.app.shop import init_shop
from penchant.verbs import learn as verb

with_blas = pytest.mark.skipif(
    all(one["user_api"] != "blas" for one in threadpool_info()),
    reason="the BLAS of this numpy cannot be told how many threads to take",
)


def blas_threads() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


@with_blas
def test_products_of_a_follower_have_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init_shop(tmp_path / "shop")
    seen, by = list[set[int]](), list[int]()
    monkeypatch.setattr(verb, "follow", lambda *_: seen.append(blas_threads()))
    monkeypatch.setattr(verb, "follow_log", lambda *_: None)
    monkeypatch.setattr(os, "nice", by.append)
    asked = Namespace(shop=tmp_path / "shop", once=False, from_scratch=False, beside=os.getpid(), every=None)
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        verb.learn(asked)
        after = blas_threads()
    assert seen == [{1}]
    assert by == [verb.NICENESS]
    assert before == after == {2}  # A pass by hand, and all else in this process, has what it had.


AUTOGROUP = Path("/proc/self/autogroup")


def session_niceness() -> str:
    """Of the session of this process; nothing where sessions have no shares of their own."""
    with suppress(OSError):
        return "".join(AUTOGROUP.read_text(encoding="ascii").split()[-1:])
    return ""


with_sessions = pytest.mark.skipif(
    not session_niceness(), reason="this system has no sessions with shares of their own"
)


def niced() -> int:
    """Niceness of who stands back, of a process that is as nice as this one."""
    return min(19, os.getpriority(os.PRIO_PROCESS, 0) + verb.NICENESS)


def stood_back(*, session: bool) -> tuple[int, str]:
    """Niceness of a process that stood back, and of its session."""
    code = (
        "import os; from penchant.verbs.learn import AUTOGROUP, stand_back; stand_back()\n"
        "print(os.nice(0), AUTOGROUP.read_text(encoding='ascii').split()[-1])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
        start_new_session=session,
    )
    own, group = out.stdout.split()
    return int(own), group


@with_sessions
def test_a_session_of_its_own_stands_back_as_a_whole() -> None:
    assert stood_back(session=True) == (niced(), str(verb.NICENESS))


@with_sessions
def test_a_session_with_others_in_it_stays_as_it_is() -> None:
    assert stood_back(session=False) == (niced(), session_niceness())


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were alone in its session."""
    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(os, "getsid", lambda _: os.getpid())
    monkeypatch.setattr(time, "sleep", lambda _: None)


@pytest.mark.usefixtures("alone")
def test_it_is_tried_again_where_there_were_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused, group = iter([True, True, False]), tmp_path / "autogroup"

    class Group:
        def write_text(self, text: str, encoding: str) -> None:
            if next(refused):
                raise BlockingIOError
            group.write_text(text, encoding=encoding)

    monkeypatch.setattr(verb, "AUTOGROUP", Group())
    verb.stand_back()
    assert group.read_text(encoding="ascii") == str(verb.NICENESS)


@pytest.mark.usefixtures("alone")
def test_a_system_without_it_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "AUTOGROUP", tmp_path / "none" / "autogroup")
    verb.stand_back()
    assert not verb.AUTOGROUP.exists()
