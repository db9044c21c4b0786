import math
from datetime import UTC, datetime

import pytest
from event_doubles import NOW, Shop, view
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.events.cells import Limits, limits_of
from penchant.events.rules import check, rows_of_columns, rows_of_records
from penchant.events.schema import EVENT_COLUMNS
from penchant.settings import Settings
from penchant.types import EventType

LIMITS = limits_of(Settings(), NOW)


def refused(record):
    found = check(rows_of_records([record]), LIMITS)
    assert not found.events
    return found.violations[0]


@pytest.mark.parametrize(
    ("record", "column", "code"),
    [
        (view(type="buy"), "type", "unknown-type"),
        (view(type=["view"]), "type", "unknown-type"),
        (view(user_id=None), "user_id", "missing-user_id"),
        (view(user_id="  "), "user_id", "empty"),
        (view(user_id="x" * 257), "user_id", "too-long"),
        (view(user_id={"a": 1}), "user_id", "not-text"),
        (view(user_id=1.5), "user_id", "not-text"),
        (view(type=None), "type", "missing-type"),
        (view(timestamp=None), "timestamp", "missing-timestamp"),
        (view(timestamp="yesterday"), "timestamp", "not-a-time"),
        (view(timestamp=True), "timestamp", "not-a-time"),
        (view(timestamp=math.nan), "timestamp", "not-finite"),
        (view(timestamp="2150-01-01"), "timestamp", "future"),
        (view(timestamp=1_600_000_000_000), "timestamp", "future"),
        (view(timestamp=-1), "timestamp", "too-early"),
        (view(item_id=None), "item_id", "missing-item_id"),
        (view(item_id=""), "item_id", "empty"),
        (view(item_id="a\0b"), "item_id", "control-character"),
        (view(item_id="caf\udce9"), "item_id", "encoding"),
        (view(price=-1), "price", "negative"),
        (view(price="1,99"), "price", "not-a-number"),
        (view(price="1_000"), "price", "not-a-number"),
        (view(price="nan"), "price", "not-finite"),
        (view(price=math.inf), "price", "not-finite"),
        (view(price=10**400), "price", "not-finite"),
        (view(price="9" * 400), "price", "not-finite"),
        (view(price=2e6), "price", "too-large"),
        (view(price=True), "price", "not-a-number"),
        (view(quantity=-1), "quantity", "negative"),
        (view(value=-0.5), "value", "negative"),
        (view(type="rating"), "value", "missing-value"),
        (view(type="rating", value=6), "value", "rating-range"),
        (view(type="rating", value=0), "value", "rating-range"),
        (view(type="search", item_id=None), "query", "missing-query"),
        (view(type="search", query="nails"), "item_id", "item-on-search"),
        (view(sequence=1.5), "sequence", "not-an-integer"),
        (view(sequence=-1), "sequence", "out-of-range"),
        (view(position="x"), "position", "not-a-number"),
        (view(text="x" * 10_000_000), "text", "too-long"),
        (view(text="a\x00"), "text", "control-character"),
        (view(store=[1]), "store", "not-scalar"),
        (view(store=math.nan), "store", "not-finite"),
        (view(store=2**70), "store", "out-of-range"),
        (view(**{f"c{n}": 1 for n in range(65)}), "context", "too-many"),
    ],
)
def test_each_rule_names_column_and_code(record, column, code):
    violation = refused(record)
    assert (violation.column, violation.code) == (column, code)
    assert violation.message.startswith(column)
    assert len(violation.message) < 300


def test_a_message_never_quotes_the_person():
    assert "secret" not in refused(view(user_id="secret\x01name")).message


def test_milliseconds_are_recognised():
    assert "milliseconds" in refused(view(timestamp=1_600_000_000_000)).message


@pytest.mark.parametrize(
    "cell",
    [1_600_000_000, "1600000000", "1600000000.0", "2020-09-13T12:26:40Z", "2020-09-13T14:26:40+02:00",
     "2020-09-13 12:26:40", datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)],
)  # fmt: skip
def test_times_in_every_form(cell):
    assert check(rows_of_records([view(timestamp=cell)]), LIMITS).events[0].timestamp == 1_600_000_000


def test_everything_arrives():
    record = view(
        type="purchase", event_id="e", value="3.5", quantity=2, price="1.75", session_id=7, sequence="4",
        recommendation_id="r", position=0, split="train", store="Berlin", floor=None,
    )  # fmt: skip
    event = check(rows_of_records([record]), LIMITS).events[0]
    assert (event.type, event.value, event.quantity, event.price) == (EventType.PURCHASE, 3.5, 2.0, 1.75)
    assert (event.session_id, event.sequence, event.position) == ("7", 4, 0)
    assert event.context == {"store": "Berlin"}


def test_files_and_requests_agree():
    records = [view(price="1.5", store="a"), view(price="-1"), view(type="search", item_id=None, query="q")]
    names = {name for record in records for name in record}
    table = {name: [record.get(name) for record in records] for name in names}
    one, other = (
        check(rows_of_records(records), LIMITS),
        check(rows_of_columns(table, range(3)), LIMITS),
    )
    assert one.events == other.events
    assert one.violations == other.violations


def test_equal_values_of_different_kinds_are_not_mixed_up():
    found = check(rows_of_records([view(price=1), view(price=True), view(price=1.0)]), LIMITS)
    assert list(found.violations) == [1]
    context = check(rows_of_records([view(x=1), view(x=True), view(x=1.0)]), LIMITS)
    assert [repr(event.context["x"]) for event in context.events] == ["1", "True", "1.0"]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = ["user_id", "type", "timestamp", "item_id", "event_id", "value", "quantity", "price", "query", "text"]
likely = st.sampled_from(["view", "search", "rating", "refund", "1600000000", "a", "nan", "-1", 5, 1.5, 1e9])
names = st.sampled_from([*NAMES, "sequence", "position", "session_id", "split", "x"]) | st.text()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.dictionaries(names, likely | values, max_size=8) | values, max_size=6))
def test_whatever_comes_is_accepted_or_refused_with_a_reason(records):
    shop = Shop()
    result = shop.intake.accept(records)
    assert result.accepted + result.duplicates + len(result.rejected) == len(records)
    assert shop.log.count() == result.accepted
    assert all(0 <= index < len(records) and code and message for index, code, message in result.rejected)
    assert len(shop.letters.letters) <= len(result.rejected)


IDS = st.one_of(
    st.sampled_from([" ", "  ", "", "\u2003", "a b", "x" * 256, "x" * 257, "\ud800", "\x7f", "ü", None]),
    st.text(max_size=4),
    st.text(st.characters(categories=["Cs", "Cc", "Zs", "Lo"]), max_size=4),
)
NUMBERS = st.one_of(
    st.sampled_from([math.nan, math.inf, -1, -0.5, 0, 10**400, True]),
    st.integers(0, 2**60),
    st.floats(0, 2e9),
)
NUMERALS = st.sampled_from(["1700000000", "17.5", "1.2.3", ".", "١٢", "1_0", "nan", "-1", "2024-01-01", "5 "])
COLUMNS = st.one_of(
    *(st.lists(cells, min_size=1, max_size=3) for cells in (IDS, NUMBERS, NUMERALS, IDS | NUMBERS | NUMERALS))
)


@pytest.mark.parametrize("name", ["user_id", "timestamp"])
@given(COLUMNS)
@settings(max_examples=300, deadline=None)
def test_a_column_that_is_read_at_once_is_read_as_cell_by_cell(name, cells) -> None:
    column = next(column for column in EVENT_COLUMNS if column.name == name)
    together = column.read_all(cells, Limits())
    if together is not None:
        each = [None if cell is None else column.read(cell, Limits()) for cell in cells]
        assert [(type(cell), cell) for cell in together] == [(type(cell), cell) for cell in each]
