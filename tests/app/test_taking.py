"""Files in, the log cleaned once, marks and counts kept together."""

from pathlib import Path

import pytest

from penchant.app.quality import quality
from penchant.app.shop import Shop, init_shop
from penchant.app.taking import take_file, take_in
from penchant.app.work import material
from penchant.errors import InvalidInput
from penchant.events.repair import export_letters

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
