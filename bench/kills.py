"""Kills of the learner at random moments: is an event learned twice or left out, is a broken snapshot kept?

    .venv/bin/python bench/kills.py --kills 100

A small simulated shop takes events in while `penchant learn` is started and killed (SIGKILL). In the end the
chain of snapshots that served is checked by log position and a checksum of what each one learned.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.app.commands import run
from tests.learn import killing, tiny_shop

from penchant.app.shop import Shop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "kills.json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = killed(Path(place) / "shop", asked.kills, asked.seed)
    asked.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found))


def killed(folder: Path, kills: int, seed: int) -> dict[str, object]:
    """What became of the shop; an AssertionError where something was learned twice, left out or broken."""
    tiny_shop.make(folder)
    chance, begin, begun = random.Random(seed), tiny_shop.TRAINED, time.monotonic()
    add(folder, begin, begin + 600)
    begin += 600
    step = (len(tiny_shop.events()) - begin) // (kills + 1)
    seconds = killing.undisturbed(folder)
    for _ in range(kills):
        add(folder, begin, begin + step)
        begin += step
        killing.killed_in(chance.choice(killing.STAGES), folder, seconds, chance)
    add(folder, begin, len(tiny_shop.events()))
    last = run("learn", "--shop", folder, "--once", "--json", command=killing.COMMAND)
    learned = tiny_shop.check_chain(folder)
    found = tiny_shop.manifests(folder)
    refused = sum(one.learned is not None and not one.learned.accepted for one in found.values())
    return {
        "kills": kills, "snapshots": len(found), "refused": refused, "events_learned": learned,
        "last_pass": last.code, "seconds": round(time.monotonic() - begun),
    }  # fmt: skip


def add(folder: Path, begin: int, stop: int) -> None:
    with Shop(folder, writer=True) as shop:
        tiny_shop.add(shop, tiny_shop.events()[begin:stop])


if __name__ == "__main__":
    main()
