import msgspec
import pytest
from event_doubles import Hasher, view

from penchant.errors import InvalidInput
from penchant.events.repair import export_letters, import_repaired, replay_letters
from penchant.settings import CleaningSettings, Settings

ANNA = Hasher().pseudonyms(["anna"])[0]


def test_only_pseudonyms_pass_the_door(shop):
    shop.intake.accept([view(), view(price=-1), view(user_id="anna\0"), view(user_id={"name": "anna"})])
    assert shop.log.events[0].user_id == ANNA
    assert "anna" not in repr(shop.log.events) + repr(shop.letters.letters)


def test_the_same_request_twice_and_a_genuine_repeat(shop):
    assert shop.intake.accept([view(), view()]).accepted == 2
    again = shop.intake.accept([view(), view()])
    assert (again.accepted, again.duplicates) == (0, 2)


def test_an_id_with_other_content_is_a_conflict(shop):
    shop.intake.accept([view(event_id="e")])
    result = shop.intake.accept([view(event_id="e", item_id="b"), view(event_id="e")])
    assert result.duplicates == 1
    assert [(index, code) for index, code, _ in result.rejected] == [(0, "conflict")]
    assert shop.letters.counts() == {"conflict": 1}


def test_an_erased_person_is_not_taken_back_in_and_leaves_no_letter(shop):
    shop.ledger.erased[ANNA] = 1_650_000_000.0
    records = [view(), view(timestamp=1_660_000_000), view(price=-1), view(timestamp="never")]
    result = shop.intake.accept(records)
    assert result.accepted == 1
    assert [(index, code) for index, code, _ in result.rejected] == [
        (0, "erased"), (2, "negative"), (3, "not-a-time"),
    ]  # fmt: skip
    assert not shop.letters.letters


def test_a_letter_is_edited_and_comes_back(shop, tmp_path):
    shop.intake.accept([view(price=-1), view(item_id="b", price=-2), view(user_id=None), view(type="buy")])
    lines = [msgspec.json.decode(line) for line in export_letters(shop.letters)]
    assert lines[0]["pseudonym"] == ANNA
    assert all("user_id" not in line["record"] for line in lines)
    for line, change in zip(lines, [{"price": 1}, {"price": -3}, {"user_id": "anna"}], strict=False):
        line["record"].update(change)
    path = tmp_path / "fixed.jsonl"
    path.write_bytes(b"\n".join(msgspec.json.encode(line) for line in lines[:3]))
    report = import_repaired(shop.intake, shop.letters, path)
    assert (report.tried, report.repaired, report.remaining) == (3, 2, {"negative": 1})
    assert [event.user_id for event in shop.log.events] == [ANNA, ANNA]
    assert shop.letters.counts() == {"unknown-type": 1, "negative": 1}
    assert "anna" not in repr(shop.letters.letters)
    assert import_repaired(shop.intake, shop.letters, path).repaired == 0
    assert shop.log.count() == 2


def test_letters_pass_under_new_rules(shop):
    shop.intake.accept([view(price=2e6), view(price=-1)])
    assert replay_letters(shop.intake, shop.letters).repaired == 0
    assert len(shop.letters.letters) == 2
    shop.settings = Settings(cleaning=CleaningSettings(max_price=1e7))
    report = replay_letters(shop.intake, shop.letters)
    assert (report.repaired, report.remaining) == (1, {"negative": 1})
    assert shop.log.events[0].price == 2e6


def test_a_file_that_holds_no_letters_changes_nothing(shop, tmp_path):
    shop.intake.accept([view(price=-1)])
    path = tmp_path / "x.jsonl"
    path.write_text('{"letter": "one"}\n')
    with pytest.raises(InvalidInput, match="line 1"):
        import_repaired(shop.intake, shop.letters, path)
    assert len(shop.letters.letters) == 1
