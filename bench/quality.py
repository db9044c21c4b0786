"""How good are the lists? Models against baselines, from raw data, without a shop.

    python bench/quality.py --data grocery                       # baselines and the recurrent model
    python bench/quality.py --data beauty --protocol leave-one-out --minutes 19
    python bench/quality.py --data grocery --models baselines    # minutes less
    python bench/quality.py --data retail-rocket --protocol successive --on validation

Writes a table to the screen, and JSON and an HTML report under bench/results/.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from data import NAMED, load, model_settings, text_vectors, validations
from penchant.evaluate.baselines import baselines
from penchant.evaluate.model import Preference
from penchant.evaluate.recommender import ItemTable
from penchant.evaluate.report import html_report
from penchant.evaluate.run import PARTS, PROTOCOLS, Plan, evaluate
from penchant.evaluate.tables import terminal_report

RESULTS = Path(__file__).parent / "results"


def say(what: str, done: float) -> None:
    """Progress on standard error."""
    print(f"\r{time.strftime('%H:%M:%S')} {what} {done:4.0%}   ", end="", file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="grocery", help=f"{', '.join(NAMED)}, or a folder")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="time-split")
    parser.add_argument("--on", choices=PARTS, default="test", help="validation: to choose settings by")
    parser.add_argument("--models", choices=("all", "baselines"), default="all")
    parser.add_argument("--minutes", type=float, default=8.0, help="limit on training time of the model")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of the model")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "penchant-bench")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    histories, texts = load(options.data)
    dataset = options.data if options.data in NAMED else Path(options.data).name
    text, models = None, baselines()
    if options.models == "all":
        text = text_vectors(texts, options.cache / dataset)
        settings = model_settings(options.set, time_budget_s=60 * options.minutes)
        models.insert(0, Preference(settings, tell=validations))
    plan = Plan(options.protocol, on=options.on)
    found = evaluate(histories, ItemTable(len(texts), text), models, plan, dataset=dataset, progress=say)
    print(file=sys.stderr)
    Console().print(terminal_report(found))
    name = f"quality-{dataset}-{options.protocol}" + ("-baselines" if options.models != "all" else "")
    name += "" if options.on == "test" else f"-{options.on}"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_bytes(found.json())
    (RESULTS / f"{name}.html").write_text(html_report(found), encoding="utf-8")


if __name__ == "__main__":
    main()
