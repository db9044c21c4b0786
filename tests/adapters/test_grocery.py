"""What DuckDB says when it is stopped or refused, in our own words."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from penchant.adapters.grocery import WEEK, our_errors, write_grocery
from penchant.errors import StorageError

LONG_QUERY = """
import os, signal, threading
import duckdb
from penchant.adapters.grocery import our_errors

threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    with our_errors():
        duckdb.execute("SET threads = 1").execute("SELECT sum(sqrt(range)) FROM range(1000000000000)")
except KeyboardInterrupt:
    print("stopped")
"""


def test_ctrl_c_in_a_query_is_ctrl_c() -> None:
    source = {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    command = [sys.executable, "-c", LONG_QUERY]
    ended = subprocess.run(
        command, env=os.environ | source, capture_output=True, text=True, check=False, timeout=300
    )
    assert (ended.returncode, ended.stdout) == (0, "stopped\n"), ended.stderr


def test_a_table_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="refused") as refused, our_errors():
        duckdb.sql("SELECT 1").write_parquet(str(tmp_path / "none" / "table.parquet"))
    assert "\n" not in str(refused.value)


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="else"), our_errors():
        raise RuntimeError("something else")


def test_the_year_ends_within_a_week_of_today_and_is_the_same_when_written_again(tmp_path: Path) -> None:
    today = 1_800_000_000.0
    times = pq.read_table(write_grocery(tmp_path, today).events)["timestamp"].to_numpy()
    assert today - WEEK < times.max() <= today
    assert 350 < (times.max() - times.min()) / 86_400 <= 366
    again = pq.read_table(write_grocery(tmp_path, today + 9 * WEEK).events)["timestamp"].to_numpy()
    assert np.array_equal(times, again)


def test_its_campaigns_are_offers_and_exposures_and_move_with_the_year(tmp_path: Path) -> None:
    files = write_grocery(tmp_path, 1_800_000_000.0)
    offers, exposures = pq.read_table(files.offers), pq.read_table(files.exposures)
    assert len(set(offers["campaign_id"].to_pylist())) == 27
    assert (offers.num_rows, exposures.num_rows) == (111_332, 6_589)
    assert set(exposures["campaign_id"].to_pylist()) <= set(offers["campaign_id"].to_pylist())
    starts, ends = offers["starts"].to_numpy(), offers["ends"].to_numpy()
    assert (starts < ends).all()
    # Some go on after the last purchase.
    assert 0 < np.mean((starts <= 1_800_000_000.0) & (ends > 1_800_000_000.0)) < 0.1
