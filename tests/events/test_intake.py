import msgspec
import pytest
from event_doubles import NOW, Hasher, view

from penchant.catalog.feeds import MAX_DESCRIPTION
from penchant.errors import InvalidInput
from penchant.events.letters import MAX_KEPT, safe_record
from penchant.events.repair import Doors, export_letters, import_repaired, replay_letters
from penchant.settings import CleaningSettings, Settings
from penchant.types import DeadLetter

ANNA = Hasher().pseudonyms(["anna"])[0]


def doors(shop):
    return Doors(shop.intake, NoItems(), NoUsers())


class NoItems:
    def known(self, records):
        pytest.fail(f"taken for items: {records}")

    take = known


class NoUsers:
    def known(self, records, people):
        pytest.fail(f"taken for people: {records}, {people}")

    take = known


def test_only_pseudonyms_pass_the_door(shop):
    shop.intake.accept([view(), view(price=-1), view(user_id="anna\0"), view(user_id={"name": "anna"})])
    assert shop.log.events[0].user_id == ANNA
    assert "anna" not in repr(shop.log.events) + repr(shop.letters.letters)


def test_the_same_request_twice_and_a_genuine_repeat(shop):
    assert shop.intake.accept([view(), view()]).accepted == 2
    again = shop.intake.accept([view(), view()])
    assert (again.accepted, again.duplicates) == (0, 2)


def test_requests_that_are_taken_together_are_answered_as_if_each_had_come_alone(shop):
    requests = [
        [view(), view(price=-1)],
        [view(), view(), view(event_id="e", item_id="b")],
        [],
        [view(event_id="e", item_id="c"), view(item_id="d")],
    ]
    before = len(shop.log.events)
    found = shop.intake.accept_all(requests)
    assert [(one.accepted, one.duplicates) for one in found] == [(1, 0), (2, 1), (0, 0), (1, 0)]
    assert [[(i, code) for i, code, _ in one.rejected] for one in found] == [
        [(1, "negative")], [], [], [(0, "conflict")],
    ]  # fmt: skip
    assert len(shop.log.events) == before + 4
    assert shop.letters.counts() == {"negative": 1, "conflict": 1}
    again = shop.intake.accept_all(requests)
    assert sum(one.accepted for one in again) == 0


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
    report = import_repaired(doors(shop), shop.letters, path)
    assert (report.tried, report.repaired, report.remaining) == (3, 2, {"negative": 1})
    assert [event.user_id for event in shop.log.events] == [ANNA, ANNA]
    assert shop.letters.counts() == {"unknown-type": 1, "negative": 1}
    assert "anna" not in repr(shop.letters.letters)
    assert import_repaired(doors(shop), shop.letters, path).repaired == 0
    assert shop.log.count() == 2


def test_letters_pass_under_new_rules(shop):
    shop.intake.accept([view(price=2e6), view(price=-1)])
    assert replay_letters(doors(shop), shop.letters).repaired == 0
    assert len(shop.letters.letters) == 2
    shop.settings = Settings(cleaning=CleaningSettings(max_price=1e7))
    report = replay_letters(doors(shop), shop.letters)
    assert (report.repaired, report.remaining) == (1, {"negative": 1})
    assert shop.log.events[0].price == 2e6


def test_who_could_not_be_known_is_not_let_in_as_somebody_else(shop, tmp_path):
    shop.intake.accept([view(user_id="anna\0"), view(user_id=["anna"]), view(user_id="x" * 300, price=-1)])
    assert replay_letters(doors(shop), shop.letters).repaired == 0
    lines = [msgspec.json.decode(line) for line in export_letters(shop.letters)]
    for line in lines:
        line["record"]["price"] = 1
    path = tmp_path / "letters.jsonl"
    path.write_bytes(b"\n".join(map(msgspec.json.encode, lines)))
    assert import_repaired(doors(shop), shop.letters, path).repaired == 0
    assert not shop.log.events
    lines = [msgspec.json.decode(line) for line in export_letters(shop.letters)]
    for line in lines:
        line["record"]["user_id"] = "anna"
    path.write_bytes(b"\n".join(map(msgspec.json.encode, lines)))
    assert import_repaired(doors(shop), shop.letters, path).repaired == 3
    assert {event.user_id for event in shop.log.events} == {ANNA}


def test_a_number_that_is_too_large_for_an_id_is_kept_as_it_was(shop):
    shop.intake.accept([view(item_id=2**60 + 1), view(item_id=-(2**63))])
    assert [letter.content["item_id"] for letter in shop.letters.letters.values()] == [2**60 + 1, -(2**63)]
    assert replay_letters(doors(shop), shop.letters).repaired == 0


def test_a_file_that_holds_no_letters_changes_nothing(shop, tmp_path):
    shop.intake.accept([view(price=-1)])
    path = tmp_path / "x.jsonl"
    path.write_text('{"letter": "one"}\n')
    with pytest.raises(InvalidInput, match="line 1"):
        import_repaired(doors(shop), shop.letters, path)
    assert len(shop.letters.letters) == 1


def test_a_letter_without_content_keeps_its_code_until_somebody_writes_a_record(shop, tmp_path):
    codes = ("ragged", "bad-json")
    for row, code in enumerate(codes):
        bad = {"column": "", "code": code, "message": "cannot be read", "content": {}}
        shop.letters.add([DeadLetter(source="a.csv", row=row, timestamp=NOW, **bad)])
    path = tmp_path / "as-it-was.jsonl"
    path.write_bytes(b"".join(export_letters(shop.letters)))
    for report in (
        import_repaired(doors(shop), shop.letters, path),
        replay_letters(doors(shop), shop.letters),
    ):
        assert (report.tried, report.empty, report.remaining) == (0, 2, {})
    assert shop.letters.counts() == dict.fromkeys(codes, 1)
    lines = [msgspec.json.decode(line) for line in export_letters(shop.letters)]
    path.write_bytes(msgspec.json.encode({**lines[0], "record": view()}))
    assert import_repaired(doors(shop), shop.letters, path).repaired == 1
    assert shop.letters.counts() == {"bad-json": 1}


def test_an_event_with_a_column_named_table_is_no_item(shop):
    shop.intake.accept([view(price=-1, table="items"), {"table": "items"}])
    report = replay_letters(doors(shop), shop.letters)
    assert report.remaining == {"negative": 1, "missing-user_id": 1}


def test_a_letter_that_is_kept_again_says_how_long_its_text_was():
    kept = safe_record({"query": "x" * 200_000})
    assert kept["query"].endswith("… (cut, 200000 characters)")
    assert safe_record(kept) == kept
    assert len(safe_record({"query": "x" * 200_000 + kept["query"][-26:]})["query"]) < 100_100


def test_what_the_longest_description_needs_is_kept():
    assert MAX_KEPT >= MAX_DESCRIPTION
