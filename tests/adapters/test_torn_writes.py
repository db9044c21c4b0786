"""The last write before a power cut is cut off at any byte: the acknowledged is there, nothing by half."""

import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest
from tests.adapters.sqlite_shop import Stores
from tests.testing.real_house import fast_folder

from penchant.testing.log_contract import event

SMALL_PAGE = 512
"""A transaction of a few kilobytes, so that it can be cut at each of its bytes."""


@pytest.fixture(scope="module")
def torn(tmp_path_factory):
    """A shop, its write-ahead log, and where the last transaction begins in it."""
    folder = tmp_path_factory.mktemp("shop")
    with sqlite3.connect(folder / "shop.db", isolation_level=None) as raw:
        raw.execute(f"PRAGMA page_size = {SMALL_PAGE}")
        raw.execute("VACUUM")
    raw.close()
    stores = Stores(folder)
    stores.log.append([event(f"{n}", query="x" * 40) for n in range(5)])
    begin = (folder / "shop.db-wal").stat().st_size
    stores.log.append([event("last 1"), event("last 2", "b" * 32)])
    left = tmp_path_factory.mktemp("left")
    for name in ("shop.db", "shop.db-wal"):
        shutil.copy(folder / name, left)
    stores.close()
    return left, begin


def after(folder, left, log):
    """What the next process finds where ``log`` is left of the write-ahead log."""
    shutil.copy(left / "shop.db", folder)
    (folder / "shop.db-wal").write_bytes(log)
    (folder / "shop.db-shm").unlink(missing_ok=True)
    stores = Stores(folder)
    found = [str(entry.event.event_id) for entry in stores.log.follow(0, 99)]
    people, end = len(list(stores.log.people())), stores.log.end()
    stores.close()
    return found, people, end


@pytest.fixture
def place():
    """In memory where there is some: thousands of recoveries must not wait for a disk."""
    with tempfile.TemporaryDirectory(dir=fast_folder()) as found:
        yield Path(found)


@pytest.mark.slow
@pytest.mark.parametrize(("rest", "step"), [(b"", 1), (b"\0", 5)])
def test_a_transaction_that_is_cut_off_at_any_byte_is_there_whole_or_not_at_all(torn, place, rest, step):
    """``rest`` stands where blocks were to come: nothing, or what the disk held before."""
    left, begin = torn
    log = (left / "shop.db-wal").read_bytes()
    assert 1_000 < len(log) - begin < 20_000
    without = [f"{n}" for n in range(5)]
    for cut in range(begin, len(log), step):
        found = after(place, left, log[:cut] + rest * (len(log) - cut))
        # A last byte that happens to be what stood there before is no cut.
        if log[:cut] + rest * (len(log) - cut) != log:
            assert found == (without, 1, 5), f"cut at byte {cut}"
    assert after(place, left, log) == ([*without, "last 1", "last 2"], 2, 7)


@pytest.mark.slow
def test_a_cut_in_an_earlier_transaction_leaves_those_before_it(torn, place):
    left, begin = torn
    log = (left / "shop.db-wal").read_bytes()
    for cut in range(0, begin, 97):
        found, _, end = after(place, left, log[:cut])
        assert found == []
        assert end == 0
