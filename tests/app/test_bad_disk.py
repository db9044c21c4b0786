"""A server on a disk that refuses: 503, never a false acknowledgement, and well again by itself."""

import io
import random
import shutil
from collections import Counter

import pytest
from starlette.testclient import TestClient
from tests.testing.real_house import template

from penchant.app.health import KEPT
from penchant.app.serving import Serving
from penchant.app.shop import Shop
from penchant.serve.app import create_app
from penchant.testing.fakes import FakeTextEncoder
from penchant.testing.simulation.disk import Disk, Fault, in_use
from penchant.testing.simulation.sqlite_files import library

pytestmark = pytest.mark.skipif(library() is None, reason="the SQLite of this Python cannot be reached")

FIRST = 200
"""Writes and fsyncs that are refused, one after the other."""
MARKS = ("write", "sync", "truncate")


class Door:
    """A server whose disk is ours, and what its client was told."""

    def __init__(self, folder, disk):
        self.disk = disk
        self.serving = Serving(Shop(folder, writer=True, encoder=FakeTextEncoder()))
        self.client = TestClient(create_app(self.serving, self.serving.shop.clock, io.StringIO()))
        key = self.serving.shop.keys.create(["admin"], 0.0)
        self.client.headers["authorization"] = f"Bearer {key}"
        self.taken, self.refused = set(), []

    def send(self, number):
        """An event on an item that nobody named before: its row is one more write."""
        event = {
            "user_id": f"u{number % 7}",
            "item_id": f"i{number}",
            "type": "view",
            "event_id": f"e{number}",
        }
        event["timestamp"] = 1.77e9 + number
        reply = self.client.post("/v1/events", json={"events": [event]})
        if reply.status_code == 200:
            assert reply.json()["rejected"] == []
            self.taken.add(f"e{number}")
        else:
            assert reply.status_code == 503, reply.text
            assert reply.json()["error"]["code"] == "storage"
            self.refused.append(number)
        return reply.status_code

    def in_log(self):
        return [entry.event.event_id for entry in self.serving.shop.log.follow(0, 10**6)]


@pytest.fixture
def door(tmp_path):
    folder = shutil.copytree(template(), tmp_path / "shop")
    with in_use(Disk(folder, random.Random(0))) as disk:
        door = Door(folder, disk)
        yield door
        disk.plan = lambda _: Fault.NONE
        door.serving.close()


@pytest.mark.slow
def test_each_of_the_first_writes_and_syncs_of_a_server_may_fail(tmp_path):
    """A server for each of them; the disk is full for some and broken for others."""
    failed, told = Counter(), 0
    for number in range(FIRST):
        folder = shutil.copytree(template(), tmp_path / str(number))
        with in_use(Disk(folder, random.Random(number))) as disk:
            door, left = Door(folder, disk), number
            before = len(door.in_log())

            def plan(operation, number=number):
                nonlocal left
                left -= operation.what in MARKS
                if left != -1 or operation.what not in MARKS:
                    return Fault.NONE
                failed[operation.what] += 1
                return (Fault.FULL, Fault.BROKEN)[number % 2]

            disk.plan = plan
            sent = 0
            while left >= 0:
                door.send(sent)
                sent += 1
            assert door.send(sent) == 200, "well again by itself"
            # One that fails after the events are in the log is no reason to refuse them.
            assert len(door.refused) <= 1
            told += len(door.refused)
            found = door.in_log()[before:]
            assert door.taken <= set(found)
            assert set(found) - door.taken <= {f"e{name}" for name in door.refused}
            assert len(set(found)) == len(found)
            door.serving.close()
        shutil.rmtree(folder)
    assert sum(failed.values()) == FIRST
    assert told > FIRST / 2
    assert min(failed["write"], failed["sync"]) >= FIRST / 20


@pytest.mark.parametrize("fault", [Fault.FULL, Fault.BROKEN])
def test_a_server_whose_disk_fails_again_and_again_loses_nothing(door, fault):
    draw, failed = random.Random(0), Counter()
    wait = 1

    def plan(operation):
        nonlocal wait
        wait -= operation.what in MARKS
        if wait > 0 or operation.what not in MARKS:
            return Fault.NONE
        wait = draw.randint(1, 60)  # a transaction is some twenty writes
        failed[operation.what] += 1
        return fault

    before, number = len(door.in_log()), 0
    door.disk.plan = plan
    while sum(failed.values()) < FIRST:
        tries = 0
        while door.send(number) != 200:
            tries += 1
            assert tries < FIRST, "it never gets through"
        number += 1
    door.disk.plan = lambda _: Fault.NONE
    assert door.send(number) == 200, "well again by itself"
    assert len(door.refused) >= FIRST / 2
    assert sorted(door.in_log()[before:]) == sorted(door.taken), "each once, and nothing else"
    assert door.serving.readiness()["ready"]


@pytest.mark.parametrize("fault", [Fault.FULL, Fault.BROKEN])
def test_a_disk_that_fails_for_a_while_is_503_and_lists_go_on(door, fault):
    assert door.send(1) == 200
    door.disk.plan = lambda operation: fault if operation.what in MARKS else Fault.NONE
    for number in range(2, 12):
        assert door.send(number) == 503
        assert door.client.get("/v1/users/ben/recommendations").status_code == 200
    door.disk.plan = lambda _: Fault.NONE
    for number in range(2, 12):
        assert door.send(number) == 200
    assert door.in_log()[-11:] == [f"e{number}" for number in range(1, 12)]


def later(door, seconds):
    """So many seconds pass for who keeps the faults."""
    health = door.serving._engine.health
    health._clock = lambda begun=health._clock: begun() + seconds


@pytest.mark.parametrize("fault", [Fault.FULL, Fault.BROKEN])
def test_that_events_are_refused_is_told_until_one_is_written(door, fault):
    """The disk can be read all the while: that tells nothing of writing, nor does time that passes."""
    door.disk.plan = lambda operation: fault if operation.what in MARKS else Fault.NONE
    assert door.send(1) == 503
    for plan in (door.disk.plan, lambda _: Fault.NONE):
        door.disk.plan = plan
        later(door, 3_600)
        assert door.serving.readiness()["degraded"] == ["events"]
        assert "503" in door.serving.readiness()["reasons"][0]
    assert door.send(1) == 200
    assert door.serving.readiness()["degraded"] == []


def test_that_a_list_could_not_be_read_is_told_though_the_look_of_readyz_succeeds(door):
    assert door.client.get("/v1/users/ben/recommendations").json()["fallback_reason"] == ""
    assert door.send(1) == 200
    idle = door.serving.shop.database._idle
    while idle:  # Connections hold pages in memory; whoever opens a new one must ask the disk.
        idle.pop().close()
    door.disk.plan = lambda operation: Fault.BROKEN if operation.what == "read" else Fault.NONE
    answer = door.client.get("/v1/users/u1/recommendations").json()
    assert answer["fallback_reason"] == "storage"
    door.disk.plan = lambda _: Fault.NONE
    assert door.send(2) == 200
    for _ in range(2):  # The list's own row may have met the fault too.
        assert {"storage"} <= set(door.serving.readiness()["degraded"]) <= {"storage", "lists"}
    assert door.serving.engine.writer.flush(5.0)
    later(door, KEPT + 1)
    assert door.serving.readiness()["degraded"] == []


def test_what_is_told_again_after_a_refusal_counts_once(door):
    """The fault comes after the commit: what was refused may be in, and the client asks again."""
    door.disk.plan = lambda operation: Fault.BROKEN if operation.what == "read" else Fault.NONE
    for number in range(20):
        door.send(number)
    door.disk.plan = lambda _: Fault.NONE
    for number in range(20):
        assert door.send(number) == 200
    ours = [name for name in door.in_log() if name in door.taken]
    assert sorted(ours) == sorted(door.taken)
    assert len(set(ours)) == len(ours)
