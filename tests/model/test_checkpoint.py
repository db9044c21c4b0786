"""A checkpoint is gone on from, or left aside with one line; it is never an obstacle."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from penchant.model import checkpoint as module
from penchant.model.histories import histories_of
from penchant.model.training import train

TRAINER = """
import os, sys
from pathlib import Path
from penchant.model.histories import histories_of
from penchant.model.settings import ModelSettings
from penchant.model.training import train

folder, renamed, replace = Path(sys.argv[1]), 0, Path.replace

def dying(self, target):
    global renamed
    renamed += 1
    if renamed == 5:  # 1 for the first epoch, 2 for each further one: between those of the third.
        os._exit(9)
    return replace(self, target)

Path.replace = dying
rows = [[(n + k) % 12 for k in range(6)] for n in range(60)]
train(histories_of(rows), None, ModelSettings(**eval(sys.argv[2])), n_items=12, checkpoint=folder)
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}


@pytest.fixture
def data():
    return histories_of([[(n + k) % 12 for k in range(6)] for n in range(60)])


def epochs(data, settings, folder, n_items=12):
    """Epochs that a run went through."""
    found = []
    train(
        data, None, settings, n_items=n_items, checkpoint=folder, on_progress=lambda p: found.append(p.epoch)
    )
    return sorted(set(found))


def test_killed_between_the_renames_it_goes_on_from_the_last_whole_epoch(data, small, tmp_path, caplog):
    settings = replace(small, max_epochs=4)
    folder = tmp_path / "run"
    command = [sys.executable, "-c", TRAINER, str(folder), repr(settings.to_dict())]
    assert subprocess.run(command, env=ENVIRONMENT, check=False, timeout=300).returncode == 9
    assert not folder.exists()
    caplog.set_level("INFO")
    assert epochs(data, settings, folder) == [3, 4]
    assert caplog.messages == ["training goes on after epoch 2, from its checkpoint"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("whole") / "run"


@pytest.fixture
def whole(data, small, place):
    """Settings of two epochs and the checkpoint after them, made once: every case copies it."""
    settings = replace(small, max_epochs=2)
    if not place.exists():
        making = place.with_name("making")
        epochs(data, settings, making)
        making.rename(place)
    return settings, place


def facts(change):
    def spoil(folder):
        path = folder / "state.json"
        path.write_text(json.dumps(change(json.loads(path.read_text()))))

    return spoil


def cut(name):
    def spoil(folder):
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) // 2])

    return spoil


def flip(folder):
    path = folder / "state.safetensors"
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "case",
    [
        (cut("state.safetensors"), "damaged"),
        (cut("state.json"), "cannot be read"),
        (flip, "damaged"),
        (lambda folder: (folder / "state.safetensors").unlink(), "cannot be read"),
        (lambda folder: (folder / "state.json").write_bytes(b"\xff\xfe"), "cannot be read"),
        (lambda folder: (folder / "state.json").write_text("[]"), "another version"),
        (facts(lambda old: old | {"format": 99}), "another version"),
        (facts(lambda old: {k: v for k, v in old.items() if k != "format"}), "another version"),
        (facts(lambda old: old | {"rng": {"bit_generator": "Other"}}), "cannot be read"),
        (facts(lambda old: old | {"epoch": "two"}), "cannot be read"),
    ],
)
def test_one_that_cannot_be_used_is_left_aside_with_one_line(data, whole, tmp_path, caplog, case):
    (spoil, why), (settings, made) = case, whole
    folder = shutil.copytree(made, tmp_path / "run")
    spoil(folder)
    assert epochs(data, settings, folder) == [1, 2]
    (line,) = caplog.messages
    assert why in line
    assert "\n" not in line
    assert line.endswith("Training starts anew.")
    caplog.clear()
    assert epochs(data, settings, folder) == []
    assert caplog.messages == []


@pytest.mark.parametrize("change", ["settings", "data", "values", "items", "weights"])
def test_of_another_run_it_is_left_aside(data, small, tmp_path, caplog, change):
    settings, folder, n_items = replace(small, max_epochs=1), tmp_path / "run", 12
    epochs(data, settings, folder)
    if change == "settings":
        settings = replace(settings, lr=0.1)
    if change == "data":
        data = histories_of([[(n + 2 * k) % 12 for k in range(6)] for n in range(60)])
    if change == "values":
        data = replace(data, values=np.full_like(data.values, 3.0))
    if change == "items":
        n_items = 13
    with pytest.MonkeyPatch.context() as patch:
        if change == "weights":
            seen = itertools.count()
            patch.setattr(module, "_shapes", lambda tensors: next(seen))
        assert epochs(data, settings, folder, n_items) == [1]
    assert len(caplog.messages) == 1


def test_where_there_is_none_nothing_is_said(data, small, tmp_path, caplog):
    epochs(data, replace(small, max_epochs=1), tmp_path / "run")
    assert caplog.messages == []
