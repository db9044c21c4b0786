"""The peers find a planted pattern. Skipped where bench/peers/setup.sh was not run."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from penchant.evaluate.protocols import leave_one_out
from penchant.metrics import list_ranks
from penchant.model.histories import histories_of

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
ITEMS = 24
QUICK = {
    "sasrec": {"epochs": 30, "dropout": 0.1, "length": 12, "factors": 32},
    "sasrec-text": {"epochs": 30, "dropout": 0.1, "length": 12, "factors": 32, "text": True},
    "esasrec": {"epochs": 30, "dropout": 0.1, "length": 12, "net": "ligr", "loss": "sampled_softmax"},
    "als": {"factors": 16},
    "implicit-item-knn": {"last": 3},
    "vstan": {"own": 1.0, "near": 1.0},
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="no .venv-peers: run bench/peers/setup.sh"),
]


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """Everybody takes neighbours of what they took before: i, then i + 1, i + 2 ..."""
    sys.path.insert(0, str(ROOT / "bench"))
    try:
        import tasks
    finally:
        sys.path.pop(0)
    rng = np.random.default_rng(0)
    people = [[(start + n) % ITEMS for n in range(7)] for start in rng.integers(0, ITEMS, 150)]
    split = leave_one_out(histories_of(people))
    split = replace(split, leave_out_seen=True)
    folder = tmp_path_factory.mktemp("task")
    text = rng.normal(size=(ITEMS, 16)).astype(np.float32)
    tasks.exchange.save(folder, tasks.task_of(split, ITEMS, text, tuning=False))
    return folder, split


@pytest.mark.parametrize("peer", QUICK)
def test_a_peer_finds_what_comes_next(peer, task, tmp_path) -> None:
    folder, split = task
    command = [PYTHON, ROOT / "bench/peers/run.py", folder, tmp_path, peer]
    command += ["--settings", json.dumps(QUICK[peer]), "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert report["ask"]["wall"] > 0
    assert report["peak_mib"] > report["loaded_mib"] / 2
    lists = np.load(tmp_path / "lists.npz", allow_pickle=False)["lists"]
    ranks = list_ranks(lists, split.questions.owner, split.questions.items)
    assert (ranks <= 3).mean() > 0.6  # chance: 3 of 18
