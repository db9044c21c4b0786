"""Train one peer on one task and write its lists: ``run.py TASK OUT PEER --settings JSON --seed N``."""

import argparse
import json
import sys
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from exchange import Clock, finish, load, peak_mib

PEERS = {
    "sasrec": ("sasrec", "Peer"),
    "esasrec": ("sasrec", "Peer"),
    "sasrec-text": ("sasrec", "Peer"),
    "als": ("neighbours", "Factors"),
    "implicit-item-knn": ("neighbours", "Neighbourhood"),
    "vstan": ("vstan", "Sessions"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("--settings", type=json.loads, default={})
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    module, name = PEERS[options.peer]
    found = import_module(module)
    settings = found.Settings(**options.settings)
    task = load(options.task)
    before = peak_mib()
    peer = getattr(found, name)(task, settings, options.seed)
    clock = Clock()
    report = peer.fit()
    fit, peak = clock.read(), peak_mib()
    clock = Clock()
    lists = peer.lists(task.asked)
    report |= {
        "peer": options.peer,
        "settings": asdict(settings),
        "seed": options.seed,
        "fit": fit,
        "ask": clock.read(),
        "peak_mib": peak,
        "loaded_mib": before,
        "versions": {name: version(name) for name in ("rectools", "implicit", "torch", "numpy")},
        "python": sys.version.split()[0],
    }
    finish(options.out, lists, report)


if __name__ == "__main__":
    main()
