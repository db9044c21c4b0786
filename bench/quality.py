"""How good are the lists? Models, baselines and peers on the same data, split, filter and metric code.

    python bench/quality.py --data beauty                        # recurrent and baselines
    python bench/quality.py --data beauty --models recurrent,transformer --peers all --seeds 0,1,2
    python bench/quality.py --data retail-rocket --peers als,vstan --on validation
    python bench/quality.py --data ../mine --models baselines    # a folder with events.parquet
    python bench/quality.py --data beauty --models transformer --seeds 0,1,2 --keep   # other rows stay
    python bench/quality.py --docs                               # docs/quality.md from bench/results

Each run is a process of its own and is kept under ``--cache``: the same command goes on where it was cut
off. Peers live in their own environment, made by ``bench/peers/setup.sh``; each is tuned on validation
questions with the same budget of processor time. Writes a table to the screen, and JSON and an HTML report
under bench/results/.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from data import NAMED, model_settings
from grids import DRAWING
from grids import PEERS as PEER_NAMES
from kept import with_kept
from own import BASELINES
from penchant.evaluate.report import html_report
from penchant.evaluate.run import PARTS, PROTOCOLS, Plan
from penchant.evaluate.tables import terminal_report
from penchant.model.encoders import ENCODERS
from runs import Run, World, compared, own_run, peer_run, tuned, world
from tables import RESULTS, ratio_table, write_docs

USUAL = {"grocery": "time-split", "online-retail": "time-split", "beauty": "leave-one-out"}
"""Protocol of each data set where none is named; ``successive`` for the others."""


def say(what: str) -> None:
    """Progress on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", default="grocery", help=f"{', '.join(NAMED)}, or a folder")
    add("--protocol", choices=PROTOCOLS, help="default: the usual one of the data set")
    add("--on", choices=PARTS, default="test", help="validation: to choose settings by")
    add("--models", default="all", help=f"all (recurrent and baselines), baselines, or {names()}")
    add("--peers", nargs="?", const="all", default="", help=f"all, or some of {','.join(PEER_NAMES)}")
    add("--seeds", default="0", help="of models and peers that draw, such as 0,1,2")
    add("--minutes", type=float, default=19.0, help="limit on training time of a model of ours")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="of our models")
    add("--threads", type=int, default=1, help="of each process")
    add("--cache", type=Path, default=Path(tempfile.gettempdir()) / "penchant-bench")
    add("--venv", type=Path, default=Path(__file__).parents[1] / ".venv-peers", help="of the peers")
    add("--keep", action="store_true", help="rows of models that do not run stay, marked as of before")
    add("--docs", action="store_true", help="only write docs/quality.md from the results that are there")
    return parser.parse_args()


def names() -> str:
    """Models of ours that can be named."""
    return ",".join([*sorted(ENCODERS), *BASELINES])


def main() -> None:
    options = arguments()
    if options.docs:
        write_docs()
        return
    protocol = options.protocol or USUAL.get(options.data, "successive")
    plan = Plan(protocol, on=options.on)
    here = world(
        options.data, plan, options.cache, threads=options.threads, venv=options.venv.resolve(), tell=say
    )
    say(f"{here.name}: {sum(len(split.questions) for split in here.splits):,} questions")
    runs = all_runs(here, options)
    found = compared(here, runs)
    RESULTS.mkdir(exist_ok=True)
    name = f"quality-{here.dataset}-{protocol}" + ("" if options.on == "test" else f"-{options.on}")
    costs = {model: [run.report for run in made] for model, made in runs.items()}
    if options.keep:
        found, costs = with_kept(found, costs, RESULTS, name)
    (RESULTS / f"{name}.json").write_bytes(found.json())
    (RESULTS / f"{name}.html").write_text(html_report(found), encoding="utf-8")
    (RESULTS / f"{name}.runs.json").write_text(json.dumps(costs, indent=2) + "\n", encoding="utf-8")
    console = Console(width=None if sys.stdout.isatty() else 180)
    console.print(terminal_report(found))
    console.print("", ratio_table(found, costs))


def all_runs(here: World, options: argparse.Namespace) -> dict[str, list[Run]]:
    """Model → its runs, the first model of ours first."""
    seeds = [int(seed) for seed in options.seeds.split(",")]
    found: dict[str, list[Run]] = {}
    given = model_settings(options.set, time_budget_s=60 * options.minutes, threads=options.threads).to_dict()
    for model in own_names(options.models):
        trained = model not in BASELINES
        settings = {k: v for k, v in given.items() if k not in ("encoder", "seed")} if trained else {}
        found[model] = [own_run(here, model, settings, seed) for seed in (seeds if trained else [0])]
    for peer in peer_names(options.peers):
        if peer == "sasrec-text" and here.items.vectors is None:
            say("sasrec-text: no item has text, left out")
            continue
        chosen = tuned(here, peer)
        drawn = seeds if peer in DRAWING else [0]
        found[peer] = [peer_run(here, peer, seed, chosen) for seed in drawn]
    return found


def own_names(given: str) -> list[str]:
    """What ``--models`` names."""
    if given in ("all", "baselines"):
        return [*(["recurrent"] if given == "all" else []), *BASELINES]
    return _known(given, [*ENCODERS, *BASELINES])


def peer_names(given: str) -> list[str]:
    """What ``--peers`` names."""
    return list(PEER_NAMES) if given == "all" else _known(given, PEER_NAMES)


def _known(given: str, known) -> list[str]:
    named = [name for name in given.split(",") if name]
    unknown = sorted(set(named) - set(known))
    if unknown:
        raise SystemExit(f"unknown {', '.join(unknown)}: choose from {', '.join(known)}")
    return named


if __name__ == "__main__":
    main()
