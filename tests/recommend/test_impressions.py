"""The writer of shown lists beside an erasure, and while the disk refuses."""

import threading
import time

import msgspec
import pytest
from tests.recommend.stores import Lists

from penchant.errors import InvalidInput, StorageError
from penchant.recommend.impressions import ImpressionWriter
from penchant.types import Impression


def shown(number, person="p", at=1.0):
    return Impression(
        recommendation_id=str(number), user_id=person, timestamp=at, placement="search", items=()
    )


def test_a_list_that_was_being_made_while_its_person_was_erased_is_not_written():
    log = Lists()
    writer = ImpressionWriter(log, may_keep=lambda person, at: person != "p" or at > 5.0)
    for number, (person, at) in enumerate([("p", 5.0), ("q", 5.0), ("", 5.0), ("p", 6.0)]):
        writer.put(shown(number, person, at))
    assert writer.start().close() == 0
    assert [row.recommendation_id for row in log.rows] == ["1", "2", "3"]


def test_a_batch_of_the_erased_alone_is_no_commit():
    class Untouched:
        def append(self, impressions):
            raise AssertionError(impressions)

    writer = ImpressionWriter(Untouched(), may_keep=lambda *_: False)
    writer.put(shown(1))
    assert writer.start().close() == 0


class Refusing:
    """A log that is held at the write until it is let go, and refuses then."""

    def __init__(self):
        self.reached, self.go = threading.Event(), threading.Event()

    def append(self, impressions):
        self.reached.set()
        assert self.go.wait(5)
        raise StorageError("disk full")


def test_what_the_disk_gave_back_during_an_erasure_is_dropped_too():
    log = Refusing()
    hold = threading.Event()
    writer = ImpressionWriter(log, linger=0.0, sleep=lambda _: hold.wait(5)).start()
    try:
        writer.put(shown(1))
        assert log.reached.wait(5)
        threading.Timer(0.05, log.go.set).start()
        assert writer.erase_person("p") == 1
        assert writer.export_person("p") == []
    finally:
        hold.set()
        writer.close()


def test_while_the_queue_is_full_lists_are_shown_counted_and_in_no_log():
    log = Lists()
    writer = ImpressionWriter(log, capacity=1, patience=0.01)
    for number, person in enumerate(["p", "", "p"]):
        writer.put(shown(number, person))
    assert (writer.dropped, writer.waiting) == (2, 1)
    assert writer.start().close() == 0
    assert [row.recommendation_id for row in log.rows] == ["0"]


class Full(Lists):
    """A log on a disk without room, until there is some."""

    def __init__(self):
        super().__init__()
        self.full, self.tried, self.refusals = True, threading.Event(), 0

    def append(self, impressions):
        if self.full:
            self.refusals += 1
            self.tried.set()
            raise StorageError("disk full")
        super().append(impressions)


def test_nobody_waits_for_a_disk_that_refuses_and_what_waited_is_written_when_it_takes_again():
    log = Full()
    writer = ImpressionWriter(log, capacity=3, patience=60.0, linger=0.0, sleep=lambda _: None).start()
    writer.put(shown(0))
    assert log.tried.wait(5)
    begun = time.monotonic()
    while writer.dropped < 5 or log.refusals < 50:
        writer.put(shown(1 + writer.dropped))
    assert time.monotonic() - begun < 30
    assert isinstance(writer.failure, StorageError)
    log.full = False
    assert writer.flush(5)
    assert writer.failure is None
    assert 1 <= len(log.rows) <= 3, "what is being written takes room too: the disk may give it back"
    writer.put(shown(99))
    assert writer.close() == 0
    assert log.rows[-1].recommendation_id == "99"


def test_a_flush_waits_for_what_was_put_before_it_alone():
    class Busy(Lists):
        """While it writes a list the next one comes."""

        def append(self, impressions):
            super().append(impressions)
            if feeding:
                writer.put(shown(100 + len(self.rows)))

    log, feeding = Busy(), [True]
    writer = ImpressionWriter(log, linger=0.0).start()
    for number in range(3):
        writer.put(shown(number))
    assert writer.flush(30)
    assert {"0", "1", "2"} <= {row.recommendation_id for row in log.rows}
    feeding.clear()
    assert writer.flush(30)  # Nothing feeds after it: a writer that is closed takes no list.
    assert writer.close() == 0


def test_a_flush_waits_for_what_is_being_written_and_comes_back():
    log = Full()
    writer = ImpressionWriter(log, linger=0.0, sleep=lambda _: None).start()
    writer.put(shown(0, "q"))
    assert log.tried.wait(5)
    writer.put(shown(1, "p"))
    assert not writer.flush(0.05)
    assert writer.erase_person("p") == 1
    assert not writer.flush(0.05), "what came later and went makes up for nothing"
    log.full = False
    assert writer.flush(30)
    assert [row.recommendation_id for row in log.rows] == ["0"]
    assert writer.close() == 0


@pytest.mark.parametrize("error", [InvalidInput("a value cannot be stored"), RuntimeError("a fault of ours")])
def test_a_list_that_no_log_can_hold_keeps_out_no_other(error):
    class Picky(Lists):
        def append(self, impressions):
            if any(one.placement == "odd" for one in impressions):
                raise error
            super().append(impressions)

    log = Picky()
    writer = ImpressionWriter(log)
    for number, placement in enumerate(["home", "odd", "home"]):
        writer.put(msgspec.structs.replace(shown(number), placement=placement))
    assert writer.start().close() == 0
    assert [row.recommendation_id for row in log.rows] == ["0", "2"]
    assert (writer.dropped, writer.failure) == (1, None)


def test_a_person_s_list_waits_for_room():
    log = Lists()
    writer = ImpressionWriter(log, capacity=1, patience=30.0)
    writer.put(shown(1))
    threading.Timer(0.05, writer.start).start()
    writer.put(shown(2))
    assert writer.close() == 0
    assert [row.recommendation_id for row in log.rows] == ["1", "2"]
