"""Thousands of seeds of the simulation: log, server and learner under every fault, on two processes.

    .venv/bin/python bench/simulation.py --seeds 2000

The tests go through the first 2,000 each time (``tests/testing/seeds.py``); here it is as many as said, and
told what they cost. One seed in eight has a learner beside the server. A seed that fails is printed with its
trace and can be run alone: `--first SEED --seeds 1`. With `--bugs` each planted bug is looked for, within 200
seeds.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.testing.planted_bugs import BUGS
from tests.testing.real_house import fast_folder, seeded_house, template

from penchant.testing.simulation.world import Failed, Run, simulate

RESULT = Path(__file__).parent / "results" / "simulation.json"
WITHIN = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--bugs", action="store_true")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    made, begun = template(), time.monotonic()
    context = get_context("spawn")
    with ProcessPoolExecutor(asked.processes, mp_context=context, initializer=quiet) as pool:
        if asked.bugs:
            found: dict[str, object] = dict(pool.map(first_seed, BUGS, [made] * len(BUGS)))
        else:
            seeds = range(asked.first, asked.first + asked.seeds)
            found = summary(list(pool.map(run, seeds, [made] * len(seeds), chunksize=8)))
    used = getrusage(RUSAGE_CHILDREN)
    found |= {
        "seconds": round(time.monotonic() - begun, 1),
        "seconds of processors": round(used.ru_utime + used.ru_stime, 1),
        "processes": asked.processes,
    }
    for name, value in found.items():
        print(f"{name:>50}  {value}")
    if asked.out:
        asked.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if found.get("failed"):
        sys.exit(1)


def quiet() -> None:
    logging.disable(logging.CRITICAL)


def run(seed: int, made: Path) -> Run | str:
    """How it went; what went wrong, in words."""
    with tempfile.TemporaryDirectory(dir=fast_folder()) as place:
        try:
            return simulate(seed, made, Path(place), seeded_house(seed))
        except Failed as failed:
            print(failed, flush=True)
            return f"{seed}: {failed.why}"


def summary(runs: list[Run | str]) -> dict[str, object]:
    whole = [one for one in runs if isinstance(one, Run)]
    return {
        "seeds": len(runs),
        "failed": [one for one in runs if isinstance(one, str)],
        "events acknowledged": sum(one.events for one in whole),
        "lives of the server": sum(one.lives for one in whole),
        "steps and faults": sum(len(one.trace) for one in whole),
    }


def first_seed(name: str, made: Path) -> tuple[str, object]:
    """The first seed that finds a planted bug."""
    bug = BUGS[name]
    with bug.planted():
        for seed in range(WITHIN):
            with tempfile.TemporaryDirectory(dir=fast_folder()) as place:
                try:
                    simulate(seed, made, Path(place), bug.open_house, bug.faults)
                except Failed:
                    return name, seed
    return name, "not found"


if __name__ == "__main__":
    main()
