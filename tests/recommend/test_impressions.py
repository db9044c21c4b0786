"""The writer of shown lists beside an erasure, and while the disk refuses."""

import threading

import pytest
from tests.recommend.stores import Lists

from penchant.errors import StorageError
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


def test_while_the_queue_is_full_a_list_of_nobody_is_dropped_and_one_of_a_person_fails_in_time():
    log = Lists()
    writer = ImpressionWriter(log, capacity=1, patience=0.01)
    writer.put(shown(1))
    writer.put(shown(2, person=""))
    assert writer.dropped == 1
    with pytest.raises(StorageError, match="1 shown lists wait for a disk"):
        writer.put(shown(3))
    assert writer.start().close() == 0
    assert [row.recommendation_id for row in log.rows] == ["1"]


def test_a_person_s_list_waits_for_room():
    log = Lists()
    writer = ImpressionWriter(log, capacity=1, patience=30.0)
    writer.put(shown(1))
    threading.Timer(0.05, writer.start).start()
    writer.put(shown(2))
    assert writer.close() == 0
    assert [row.recommendation_id for row in log.rows] == ["1", "2"]
