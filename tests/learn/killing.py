"""A learner that is killed (SIGKILL) in a stage of its work, however busy the machine is."""

import random
import subprocess
import time
from pathlib import Path

from tests.app.commands import WITHOUT_LANGUAGE_MODEL, end, start

STAGES = ("begun", "learning", "learned")
"""It reads and starts what learns between snapshots; a pass; the gate, writing and promoting."""
COMMAND = (
    *WITHOUT_LANGUAGE_MODEL[:2],
    "import os\n"
    "from penchant.app import nightly\n"
    "from penchant.learn.continued import learn_on\n"
    "from penchant.learn.shelf import SnapshotShelf\n"
    "def learn(model, job, seed):\n"
    "    print('learning', flush=True)\n"
    "    learn_on(model, job, seed)\n"
    "    print('learned', flush=True)\n"
    "    return model\n"
    "SnapshotShelf.prune = lambda *_, **more: []\n"
    "nightly.LEARN = learn\n"
    "os.nice = lambda by: by\n"
    "print('begun', flush=True)\n" + WITHOUT_LANGUAGE_MODEL[2],
)
"""Nothing is pruned: the whole chain is to be seen. It takes as long to learn as ever and the model stays as
it is: of some hundred people the gate judges by luck, and what it refuses is in no chain. It is as urgent as
other tests: making way for them it would take minutes."""


def undisturbed(folder: Path) -> dict[str, float]:
    """Seconds of each stage of one pass that nobody ends."""
    process, times = start("learn", "--shop", folder, "--once", command=COMMAND), []
    for stage in STAGES:
        _wait_for(stage, process)
        times.append(time.monotonic())
    ended = end(process)
    assert ended.code == 0, ended.err
    times.append(time.monotonic())
    return {stage: times[at + 1] - times[at] for at, stage in enumerate(STAGES)}


def killed_in(stage: str, folder: Path, seconds: dict[str, float], chance: random.Random) -> None:
    """Let it run beside the shop's door up to ``stage``, and end it at some moment from there on."""
    process = start("learn", "--shop", folder, "--every", "0.01", command=COMMAND)
    _wait_for(stage, process)
    time.sleep(seconds[stage] * chance.uniform(0.0, 1.2))
    process.kill()
    end(process)


def _wait_for(stage: str, process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    while (line := process.stdout.readline()).strip() != stage:
        assert line, f"it ended before {stage!r}: {process.communicate()}"
