"""The command in a process of its own, as a shop's owner runs it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penchant.app.shop import Shop

SRC = Path(__file__).parents[2] / "src"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1"}
COMMAND = (sys.executable, "-c", "import sys; from penchant.cli import main; sys.exit(main())")
"""What the console script does."""
WITHOUT_LANGUAGE_MODEL = (
    sys.executable,
    "-c",
    "import sys\n"
    "from penchant.app.shop import Shop\n"
    "from penchant.cli import main\n"
    "from penchant.testing.fakes import FakeTextEncoder\n"
    "Shop.encoder = FakeTextEncoder()\n"
    "sys.exit(main())",
)
"""The same command, but product texts are read by a fake: loading the real model takes seconds."""

HEAD = "user_id,item_id,type,timestamp,price\n"
GOOD = HEAD + "anna,tea,purchase,2026-01-05T10:00:00Z,3.50\n"


@dataclass(frozen=True)
class Ended:
    """How a command ended. ``line`` is the one that names the trouble; empty where there was none."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        lines = [line for line in self.err.splitlines() if line.startswith("penchant: ")]
        assert len(lines) <= 1, self.err
        assert "Traceback" not in self.err, self.err
        return lines[0] if lines else ""


def start(*arguments: object, command: Sequence[str] = COMMAND, **more: Any) -> "subprocess.Popen[str]":
    """A server that is asked much needs ``stderr`` of a file: it waits for who does not read its log."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([*command, *map(str, arguments)], text=True, env=ENVIRONMENT, **pipes | more)


def end(process: "subprocess.Popen[str]", timeout: float = 600) -> Ended:
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:  # Left behind it would fail other tests too.
        process.kill()
        process.communicate(timeout=60)  # A child of its own may hold the pipes.
        raise
    return Ended(process.returncode, out, err)


def run(*arguments: object, command: Sequence[str] = COMMAND, **more: Any) -> Ended:
    return end(start(*arguments, command=command, **more))


def wait_for(true: Callable[[], bool], process: "subprocess.Popen[str]", seconds: float = 300) -> None:
    """Until ``true()`` holds; an error where the process ends or time runs out before that."""
    import time

    until = time.monotonic() + seconds
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.01)


def copy_of(shop: Path, to: Path) -> Path:
    """The same shop again, with the same key."""
    shutil.copytree(shop, to)
    return to


def content(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the shop that an import writes."""
    tables = (
        "events",
        "people",
        "items",
        "item_ids",
        "dead_letters",
        "marked_events",
        "marked_people",
        "attributes",
    )
    with Shop(folder, writer=False) as shop:
        found = {name: shop.database.read(f"SELECT * FROM {name} ORDER BY 1, 2") for name in tables}
    # The content of a letter holds when it came; its digest does not.
    found["dead_letters"] = [row[1:4] for row in found["dead_letters"]]
    return found
