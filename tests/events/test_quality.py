import io
import re

import msgspec
import pytest
from rich.console import Console

from penchant.events.cleaning.run import clean, door_report
from penchant.events.quality import assess
from penchant.events.quality_page import quality_table, render_html
from penchant.settings import CleaningSettings
from penchant.testing.fakes import InMemoryLog
from penchant.types import Event, EventType

DAY = 86_400.0


@pytest.fixture
def columns():
    log = InMemoryLog()
    events = [
        (
            who,
            EventType.PURCHASE,
            day * DAY + 5,
            item,
            {"price": 2.0 + day, "quantity": 1.0, "session_id": "s"},
        )
        for who, day, item in [("p", 0, "a"), ("p", 1, "a"), ("p", 1, "b"), ("q", 12, "<b>&c")]
    ]
    events += [("q", EventType.SEARCH, 12 * DAY, None, {"query": "x"})] * 2
    log.append([
        Event(user_id=who, type=kind, timestamp=time, item_id=item, event_id=str(n), **more)
        for n, (who, kind, time, item, more) in enumerate(events)
    ])  # fmt: skip
    return log.columns()


def test_the_figures(columns):
    report = assess(columns, ["a", "b", "z"], dead_letters={"future": 2})
    assert (report.events, report.people, report.items, report.catalogue) == (6, 2, 3, 3)
    assert report.types == {"search": 2, "purchase": 4}
    assert report.per_day[:3] == [("1970-01-01", 1), ("1970-01-02", 2), ("1970-01-03", 0)]
    assert sum(count for _, count in report.per_day) == 6
    assert report.repeats == pytest.approx(0.25)
    assert (report.unknown_item_events, report.unknown_items, report.doubles) == (1, 1, 1)
    assert report.missing == {"session_id": pytest.approx(1 / 3), "price": 0.0, "quantity": 0.0}
    assert report.price is not None
    assert (report.price.least, report.price.greatest) == (2.0, 14.0)
    words = " ".join(report.warnings)
    assert "17% of events are on items that are not in the catalogue (1 item): import" in words
    assert "2 records were refused" in words
    assert "gap of 10 days" in words


def test_a_clean_log_has_fewer_warnings(columns):
    report = assess(columns, ["a", "b", "<b>&c"], dead_letters={})
    assert not [w for w in report.warnings if "catalogue" in w or "refused" in w]


@pytest.mark.parametrize(
    ("letters", "said"),
    [
        ({"future": 1}, "1 record was refused (future): see it with"),
        ({"future": 2, "negative": 1}, "3 records were refused, most often future: see them with"),
    ],
)
def test_one_is_one_and_more_are_more(columns, letters, said):
    report = assess(columns, ["a", "b", "<b>&c"], dead_letters=letters)
    assert [w for w in report.warnings if w.startswith(said)]


@pytest.mark.parametrize("steps", [door_report, lambda letters: []])
def test_each_refusal_is_listed_once(columns, steps):
    letters = {"unknown-type": 7_001, "negative": 7_002}
    report = assess(columns, ["a"], dead_letters=letters, cleaning=steps(letters))
    out = io.StringIO()
    Console(file=out, width=100).print(quality_table(report))
    body = render_html(msgspec.structs.replace(report, warnings=[]))
    for shown in (out.getvalue(), body):
        assert [shown.count(code) for code in letters] == [1, 1]
        assert [shown.count(f"{count:,}") for count in letters.values()] == [1, 1]
    assert "Nothing was refused" not in body


def test_the_page_is_whole_escaped_and_fetches_nothing(columns):
    cleaning = [*door_report({"<script>": 1}), *clean(columns, CleaningSettings()).steps]
    report = assess(columns, ["a"], dead_letters={"<script>": 1}, cleaning=cleaning, marked_people={"bot": 1})
    page = render_html(report)
    assert page.count("<svg") == 4
    assert "<script" not in page
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?\s*(?:https?:|//)|url\(\s*http|@import", page)
    assert msgspec.json.decode(msgspec.json.encode(report), type=type(report)) == report


def test_an_empty_shop_has_a_page_and_a_table_too():
    report = assess(InMemoryLog().columns(), [], dead_letters={})
    assert report.warnings == ["There are no events yet: import some with `penchant import FILE`."]
    assert "no events yet" in render_html(report)
    out = io.StringIO()
    Console(file=out, width=100).print(quality_table(report))
    assert "never" in out.getvalue()
