"""The log, the server and the learner under a seed's worth of trouble; and bugs that this must find."""

import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tests.testing.planted_bugs import BUGS
from tests.testing.real_house import open_house, template

from penchant.testing.simulation.disk import Disk, Fault, in_use
from penchant.testing.simulation.sqlite_files import library
from penchant.testing.simulation.world import Failed, simulate

FOUND_WITHIN = 200
SRC = Path(__file__).parents[2] / "src"

pytestmark = pytest.mark.skipif(library() is None, reason="the SQLite of this Python cannot be reached")


def test_without_faults_nothing_is_refused(place):
    for seed in range(5):
        run = simulate(seed, template(), place(), open_house, faults=())
        assert run.events > 0
        assert not [line for line in run.trace if "refused" in line]


def first_failure(bug, place):
    """Of the seeds that a bug is looked for with; None where none finds it."""
    with bug.planted():
        for seed in range(FOUND_WITHIN):
            try:
                simulate(seed, template(), place(), bug.open_house, bug.faults)
            except Failed as failed:
                return failed
    return None


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name, place):
    failed = first_failure(BUGS[name], place)
    assert failed is not None, f"not found in {FOUND_WITHIN} seeds"
    assert f"seed {failed.seed}" in str(failed)
    assert failed.trace, "what happened before must be told"


def test_a_failing_seed_fails_again_in_the_same_way(place):
    bug = BUGS["kill: the answer comes before the write"]
    one, other = first_failure(bug, place), first_failure(bug, place)
    assert (one.seed, one.why, one.trace) == (other.seed, other.why, other.trace)


TRACES = """
import logging, sys, tempfile
from pathlib import Path
from penchant.testing.simulation.world import simulate
from tests.testing.real_house import open_with_learner, open_house
logging.disable(logging.CRITICAL)
for seed in range(12):
    with tempfile.TemporaryDirectory() as place:
        opened = open_with_learner if seed == 5 else open_house
        print(seed, *simulate(seed, Path(sys.argv[1]), Path(place), opened).trace, sep="\\n")
"""


@pytest.mark.slow
def test_one_seed_is_one_run_in_any_process():
    """Python orders sets of texts otherwise in each process."""
    told = []
    for hashes in ("1", "2"):
        environment = {**os.environ, "PYTHONPATH": f"{SRC}:{SRC.parent}", "PYTHONHASHSEED": hashes}
        command = [sys.executable, "-c", TRACES, str(template())]
        told.append(
            subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
        )
    assert told[0].count("\n") > 12 * 30
    assert told[0] == told[1]


def test_two_seeds_are_two_runs(place):
    assert (
        simulate(1, template(), place(), open_house).trace
        != simulate(2, template(), place(), open_house).trace
    )


# The disk itself. -----------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    with in_use(Disk(folder, random.Random(0))) as disk:
        yield disk


def connect(folder):
    connection = sqlite3.connect(folder / "a.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER)")
    return connection


def rows(folder):
    connection = sqlite3.connect(folder / "a.db")
    try:
        return [n for (n,) in connection.execute("SELECT n FROM t")]
    finally:
        connection.close()


@pytest.mark.parametrize("how", [Fault.KILL, Fault.POWER_CUT])
def test_what_was_committed_survives_and_what_was_not_does_not(disk, tmp_path, how):
    connection = connect(disk.folder)
    connection.execute("INSERT INTO t VALUES (1)")
    connection.execute("BEGIN")
    connection.execute("INSERT INTO t VALUES (2)")
    disk.die(how)
    with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
        connection.execute("COMMIT")
    connection.close()
    disk.survivors(tmp_path / "left")
    assert rows(tmp_path / "left") == [1]


def test_what_was_not_synced_is_lost_in_a_power_cut_and_not_in_a_kill(disk, tmp_path):
    connection = connect(disk.folder)
    connection.execute("PRAGMA synchronous = OFF")
    for n in range(50):
        connection.execute("INSERT INTO t VALUES (?)", (n,))
    kept = Disk(disk.folder, random.Random(0))
    kept.survivors(tmp_path / "killed")
    disk.die(Fault.POWER_CUT)
    disk.survivors(tmp_path / "cut")
    connection.close()
    assert rows(tmp_path / "killed") == list(range(50))
    assert len(rows(tmp_path / "cut")) < 50


@pytest.mark.parametrize(("fault", "said"), [(Fault.FULL, "full"), (Fault.BROKEN, "disk I/O error")])
def test_the_disk_refuses_and_recovers(disk, fault, said):
    connection = connect(disk.folder)
    disk.plan = lambda operation: fault if operation.what == "write" else Fault.NONE
    with pytest.raises(sqlite3.OperationalError, match=said):
        connection.execute("INSERT INTO t VALUES (1)")
    disk.plan = lambda _: Fault.NONE
    connection.execute("INSERT INTO t VALUES (2)")
    assert rows(disk.folder) == [2]
    connection.close()


def test_other_folders_and_later_connections_are_left_alone(disk, tmp_path):
    before = disk.count
    connection = connect(tmp_path)
    connection.execute("INSERT INTO t VALUES (1)")
    connection.close()
    assert disk.count == before
