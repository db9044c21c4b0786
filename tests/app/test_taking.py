"""Files in, the log cleaned once, marks and counts kept together."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from penchant.app.quality import quality
from penchant.app.shop import Shop, init_shop
from penchant.app.taking import take_file, take_in
from penchant.app.work import material
from penchant.catalog.feeds import MAX_DESCRIPTION
from penchant.errors import InvalidInput
from penchant.events.repair import RepairReport, export_letters
from penchant.types import DeadLetter, Item

HEAD = "user_id,item_id,type,timestamp,price\n"
BOUGHT = "anna,tea,purchase,2026-01-05T10:00:00Z,3.50\n"
RETURNED = "anna,tea,refund,2026-01-06T10:00:00Z,3.50\n"
FEED = "item_id,title\nhoney,Forest honey\n"


class Told:
    """What was said while it went on."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def __call__(self, what: str, share: float) -> None:
        assert 0 <= share <= 1
        self.said.append(what)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    init_shop(tmp_path / "shop")
    return tmp_path / "shop"


def write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_the_log_is_cleaned_once_after_all_files_and_says_so(folder: Path) -> None:
    told = Told()
    bought, returned = write(folder, "a.csv", HEAD + BOUGHT), write(folder, "b.csv", HEAD + RETURNED)
    with Shop(folder, writer=True) as shop:
        take_in(shop, [bought, write(folder, "items.csv", FEED), returned], told)
        assert shop.marks.marked_events()["refunded"].tolist() == [1]
    assert sum("given back" in line for line in told.said) == 1
    files = [told.said.index(f"importing {name}: 1 rows") for name in ("a.csv", "items.csv", "b.csv")]
    assert files == sorted(files)
    assert max(files) < told.said.index("cleaning: purchases that were given back in full")


def test_the_report_shows_the_counts_of_the_run_that_made_the_marks(folder: Path) -> None:
    path = write(folder, "a.csv", HEAD + BOUGHT + RETURNED)
    with Shop(folder, writer=True) as shop:
        assert shop.marks.steps() == []
        take_in(shop, [path], Told())
        kept = shop.marks.steps()
        assert next(step for step in kept if step.mark == "refunded").counts["purchases refunded"] == 1
        take_file(shop, write(folder, "b.csv", HEAD + BOUGHT.replace("anna", "ben")))
        assert [step for step in quality(shop).cleaning if step in kept] == kept
        take_in(shop, [path], Told())
        assert shop.marks.steps() == kept


def test_repaired_letters_are_cleaned_too(folder: Path) -> None:
    path = write(folder, "a.csv", HEAD + BOUGHT + RETURNED.replace("3.50", "-3.50"))
    with Shop(folder, writer=True) as shop:
        take_in(shop, [path], Told())
        assert shop.marks.marked_events() == {}
        lines = [line.replace(b"-3.50", b"3.50") for line in export_letters(shop.dead_letters)]
        mended = write(folder, "mended.jsonl", b"".join(lines).decode())
        (report,) = take_in(shop, [], Told(), repaired=mended)
        assert report.repaired == 1  # type: ignore[union-attr]
        assert shop.marks.marked_events()["refunded"].tolist() == [1]


def exported(shop: Shop) -> list[bytes]:
    return list(export_letters(shop.dead_letters))


def repaired(shop: Shop, path: Path = Path()) -> RepairReport:
    (report,) = take_in(shop, [], Told(), repaired=path)
    assert isinstance(report, RepairReport)
    return report


def test_refused_items_are_repaired_as_events_are(folder: Path) -> None:
    feed = write(folder, "items.csv", "item_id,title,price\ntea,Green tea,-2\njam,Jam,-3\nragged\n")
    with Shop(folder, writer=True) as shop:
        take_in(shop, [feed], Told())
        report = repaired(shop)
        assert (report.tried, report.empty, report.remaining) == (2, 1, {"negative": 2})
        lines = b"".join(exported(shop)).replace(b'"-2"', b'"2"').replace(b'"-3"', b'"x"')
        report = repaired(shop, write(folder, "mended.jsonl", lines.decode()))
        assert (report.tried, report.repaired, report.remaining) == (2, 1, {"not-a-number": 1})
        assert shop.items.get("tea") == Item(item_id="tea", title="Green tea", price=2.0)
        assert shop.items.count() == 1
        assert shop.dead_letters.counts() == {"not-a-number": 1, "ragged": 1}


def test_an_unreadable_line_of_a_feed_is_written_anew_as_an_item(folder: Path) -> None:
    with Shop(folder, writer=True) as shop:
        take_in(shop, [write(folder, "items.csv", "item_id,title\nragged\n")], Told())
        (line,) = exported(shop)
        mended = line.replace(b'"record":{}', b'"record":{"item_id":"tea"}')
        assert repaired(shop, write(folder, "mended.jsonl", mended.decode())).repaired == 1
        assert shop.items.get("tea") == Item(item_id="tea")
        assert exported(shop) == []


def put_letter(shop: Shop, row: int = 2, **content: Any) -> None:
    """A letter of an item that older rules refused and today's take."""
    letter = DeadLetter(
        source="monday.csv", row=row, column="price", code="too-large", message="price is too large",
        content=content, timestamp=1.7e9, table="items",
    )  # fmt: skip
    shop.dead_letters.add([letter])


@pytest.mark.parametrize("from_file", [False, True])
def test_an_item_that_came_in_since_is_not_replaced_by_its_old_letter(folder: Path, from_file: bool) -> None:
    today = Item(item_id="tea", title="Green tea of today", price=3.0)
    with Shop(folder, writer=True) as shop:
        put_letter(shop, row=2, item_id="tea", price="2.5")
        put_letter(shop, row=3, item_id="jam", price="2")
        put_letter(shop, row=4, item_id="jam", price="4")
        put_letter(shop, row=5, item_id="tea", price="-1")
        shop.items.upsert([today])
        path = write(folder, "letters.jsonl", b"".join(exported(shop)).decode()) if from_file else Path()
        report = repaired(shop, path)
        assert (report.tried, report.repaired, report.answered) == (4, 2, 1)
        assert report.remaining == {"negative": 1}
        assert shop.items.get("tea") == today
        assert shop.items.get("jam") == Item(item_id="jam", price=4.0), "the newer of two letters"


def test_an_edited_letter_replaces_the_item(folder: Path) -> None:
    with Shop(folder, writer=True) as shop:
        put_letter(shop, item_id="tea", price="2.5")
        shop.items.upsert([Item(item_id="tea", price=3.0)])
        lines = b"".join(exported(shop)).decode().replace('"2.5"', '"2.6"')
        report = repaired(shop, write(folder, "edited.jsonl", lines))
        assert (report.repaired, report.answered) == (1, 0)
        assert shop.items.get("tea") == Item(item_id="tea", price=2.6)


def test_a_long_description_comes_back_whole(folder: Path) -> None:
    text = "d" * MAX_DESCRIPTION
    with Shop(folder, writer=True) as shop:
        feed = write(folder, "items.csv", f"item_id,price,description\ntea,-2,{text}\n")
        take_in(shop, [feed], Told())
        lines = b"".join(exported(shop)).decode().replace('"-2"', '"2"')
        assert repaired(shop, write(folder, "mended.jsonl", lines)).repaired == 1
        item = shop.items.get("tea")
        assert item is not None
        assert item.description == text


def test_a_cut_text_is_taken_only_once_somebody_wrote_it_anew(folder: Path) -> None:
    cut = "d" * 65_536 + "… (cut, 70000 characters)"  # As older versions cut: short enough for the rules.
    with Shop(folder, writer=True) as shop:
        put_letter(shop, item_id="tea", price="-2", description=cut)
        assert repaired(shop).remaining == {"too-long": 1}
        lines = b"".join(exported(shop)).decode()
        assert cut in lines
        lines = lines.replace('"-2"', '"2"')
        assert repaired(shop, write(folder, "price.jsonl", lines)).remaining == {"too-long": 1}
        assert shop.items.count() == 0
        lines = b"".join(exported(shop)).decode()
        assert '"2"' in lines
        assert "description was too long" in lines
        assert repaired(shop, write(folder, "whole.jsonl", lines.replace(cut, "whole"))).repaired == 1
        assert shop.items.get("tea") == Item(item_id="tea", price=2.0, description="whole")


def test_a_feed_may_have_a_column_named_table(folder: Path) -> None:
    feed = write(folder, "items.csv", "item_id,price,table\ndesk,-2,oak\nbench,-3,items\n")
    with Shop(folder, writer=True) as shop:
        take_in(shop, [feed], Told())
        lines = b"".join(exported(shop)).decode().replace('"-', '"')
        assert repaired(shop, write(folder, "mended.jsonl", lines)).repaired == 2
        assert shop.items.get("desk") == Item(item_id="desk", price=2.0, attributes={"table": "oak"})
        assert shop.items.get("bench") == Item(item_id="bench", price=3.0, attributes={"table": "items"})


def test_an_event_of_a_table_named_items_stays_an_event(folder: Path) -> None:
    events = HEAD.replace("price", "table") + BOUGHT.replace("3.50", "items").replace("anna", "")
    with Shop(folder, writer=True) as shop:
        take_in(shop, [write(folder, "a.csv", events)], Told())
        lines = b"".join(exported(shop)).decode().replace('"record":{', '"record":{"user_id":"anna",')
        assert repaired(shop, write(folder, "mended.jsonl", lines)).repaired == 1
        assert (shop.log.count(), shop.items.count()) == (1, 0)
        assert b"anna" not in msgspec.json.encode([one.event for one in shop.log.follow(0, 9)])


def test_nobody_is_written_into_an_item(folder: Path) -> None:
    with Shop(folder, writer=True) as shop:
        put_letter(shop, item_id="tea", price="-2")
        lines = b"".join(exported(shop)).decode().replace('"-2"', '"2","user_id":"anna"')
        assert repaired(shop, write(folder, "mended.jsonl", lines)).repaired == 1
        assert shop.items.get("tea") == Item(item_id="tea", price=2.0)


def test_letters_of_an_older_version_say_in_the_record_that_they_are_of_items(folder: Path) -> None:
    content = {"table": "items", "item_id": "tea", "price": "-2"}
    old = {"source": "a.csv", "row": 2, "column": "price", "code": "negative", "message": "", "user_id": ""}
    event = {**old, "column": "user_id", "content": {"table": "items"}, "timestamp": 1.7e9}
    with Shop(folder, writer=True) as shop:
        with shop.database.write() as connection:
            for digest, letter in enumerate([old | {"content": content, "timestamp": 1.7e9}, event]):
                connection.execute(
                    "INSERT INTO dead_letters (digest, code, pseudonym, content) VALUES (?, ?, ?, ?)",
                    (bytes([digest]), "negative", "", msgspec.json.encode(letter)),
                )
        found = [letter for _, letter in shop.dead_letters.all()]
        assert [letter.table for letter in found] == ["items", "events"]
        assert found[0].content == {"item_id": "tea", "price": "-2"}
        line = {"letter": 1, "record": content | {"price": "2"}}
        assert repaired(shop, write(folder, "old.jsonl", msgspec.json.encode(line).decode())).repaired == 1
        assert shop.items.get("tea") == Item(item_id="tea", price=2.0)


def test_refused_items_pass_under_new_rules(folder: Path) -> None:
    feed = write(folder, "items.csv", "item_id,price\nring,2000000\n")
    with Shop(folder, writer=True) as shop:
        take_in(shop, [feed], Told())
        assert repaired(shop).remaining == {"too-large": 1}
    with (folder / "shop.toml").open("a", encoding="utf-8") as file:
        file.write("[cleaning]\nmax_price = 1e7\n")
    with Shop(folder, writer=True) as shop:
        assert repaired(shop).repaired == 1
        assert shop.items.get("ring") == Item(item_id="ring", price=2e6)
        assert exported(shop) == []


def test_what_came_over_http_since_the_last_import_is_cleaned_before_it_trains(folder: Path) -> None:
    path = write(folder, "a.csv", HEAD + BOUGHT + BOUGHT.replace("tea", "milk"))
    back = {"user_id": "anna", "item_id": "tea", "type": "refund", "timestamp": 1_767_700_000, "price": 3.5}
    with Shop(folder, writer=True) as shop:
        take_in(shop, [path], Told())
        assert shop.intake().accept([back]).accepted == 1
        data = material(shop, Told()).data
        assert [shop.ids.item_ids()[row] for row in data.histories.items] == ["milk"]


def test_what_came_before_a_broken_file_is_cleaned(folder: Path) -> None:
    path, broken = write(folder, "a.csv", HEAD + BOUGHT + RETURNED), write(folder, "b.csv", "")
    with Shop(folder, writer=True) as shop:
        with pytest.raises(InvalidInput, match="empty"):
            take_in(shop, [path, broken], Told())
        assert shop.marks.marked_events()["refunded"].tolist() == [1]


def test_items_of_an_import_that_was_cut_off_get_their_rows_later(folder: Path) -> None:
    first = write(folder, "a.csv", HEAD + BOUGHT)
    with Shop(folder, writer=True) as shop:
        shop.intake().import_file(first)  # Cut off before the ids were given.
        assert len(shop.ids) == 0
        take_in(shop, [write(folder, "b.csv", HEAD + BOUGHT.replace("tea", "honey"))], Told())
        assert shop.ids.rows(["tea", "honey"]).tolist() == [0, 1]
