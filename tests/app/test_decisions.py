"""Decisions by command: from files to the queue, through it, out and back; and what is held on people."""

import csv
import json

import msgspec
import numpy as np
import pytest
from tests.serve.shops import EXAMPLES

from penchant import cli
from penchant.app.backup import back_up, restore
from penchant.app.deciding import FEED, DecisionDesk, price_now
from penchant.app.serving import Serving
from penchant.app.shop import Shop, init_shop
from penchant.app.taking import take_file
from penchant.cli import main
from penchant.decide.prices.fit import FittedPrices, Item
from penchant.decide.stock.outlook import Foreseen, Outlook
from penchant.decide.stock.quantiles import LEVELS
from penchant.errors import ShopError
from penchant.privacy.consent import Consent
from penchant.testing.fakes import FakeTextEncoder
from penchant.testing.priced import Market, simulated_sales
from penchant.verbs.decisions import _ACTIONS

FOLDER = '[decisions]\nfolder = "out"\n'


@pytest.fixture
def shop(tmp_path):
    init_shop(tmp_path / "shop", name="Corner", currency="CHF", more=FOLDER)
    with Shop(tmp_path / "shop", writer=True, encoder=FakeTextEncoder()) as shop:
        take_file(shop, EXAMPLES / "items.csv")
    return tmp_path / "shop"


def item(name, price, **more):
    given = {
        "elasticity": -2.0, "low": -2.2, "high": -1.8, "deviation": 0.1, "conclusion": "own",
        "why": "", "own": -2.0, "own_error": 0.1, "naive": -1.0, "periods": 52, "lowest": 0.6 * price,
        "highest": 1.6 * price, "quantity": 20.0,
    }  # fmt: skip
    return Item(item=name, price=price, **(given | more))


def write(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture
def priced(tmp_path):
    """Files that suggest a dearer tea, a far cheaper honey, and nothing for coffee."""
    items = [item("tea", 3.5), item("honey", 5.2, elasticity=-4.0), item("coffee", 8.9, conclusion="none")]
    fitted = FittedPrices(
        items=items, mean=-2.0, mean_low=-2.1, mean_high=-1.9, spread=0.3, no_conclusion=0.0, borrowed=0.0,
        naive=-1.0, rows=52, left_out=0, controls=[], refused=[],
    )  # fmt: skip
    (tmp_path / "fitted.json").write_bytes(msgspec.json.encode(fitted))
    costs = write(tmp_path / "costs.csv", ["item", "cost"], ["tea", 1.85], ["honey", 3.0], ["coffee", 5.0])
    return ["prices", "suggest", str(tmp_path / "fitted.json"), str(costs)]


@pytest.fixture
def said(shop, capsys):
    def run(*words, code=0, by="Ann"):
        capsys.readouterr()
        name = ["--by", by] if words[0] == "decisions" or "--propose" in words else []
        assert main([*map(str, words), "--shop", str(shop), "--json", *name]) == code
        printed = capsys.readouterr()
        return json.loads(printed.out) if code == 0 else printed.err

    return run


def letters(shop):
    files = sorted((shop / "out").glob("*"), key=lambda file: file.stat().st_mtime_ns)
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def waiting(said):
    return {one["subject"]: one for one in said("decisions", "list", "--state", "waiting")}


def test_prices_from_a_file_to_the_shop_and_back(said, priced, shop):
    said(*priced)
    assert waiting(said) == {}, "nothing waits that was not proposed"
    said(*priced, "--propose")
    found = waiting(said)
    assert set(found) == {"tea", "honey"}
    tea, honey = found["tea"], found["honey"]
    assert (tea["now"], tea["needed"], honey["needed"]) == (3.5, 1, 2)
    assert tea["low"] < tea["expected"] < tea["high"]
    assert len(tea["curve"]) == 25
    assert tea["suggested"] not in tea["alternatives"]
    assert set(tea["inputs"]) == {"fitted.json", "costs.csv"}
    assert all(value.startswith("sha256:") and len(value) == 71 for value in tea["inputs"].values())
    assert tea["settings"]["most_change"] == 0.2
    assert said("decisions", "send") == {"sent": 0, "waiting": 0, "problem": ""}
    assert letters(shop) == []
    done = said("decisions", "approve", tea["id"], "--note", "fine")
    assert (done["state"], done["history"][1]["note"]) == ("sent", "fine")
    assert "two different people" in said("decisions", "approve", honey["id"], honey["id"], code=1)
    assert len(letters(shop)) == 1
    assert said("decisions", "approve", honey["id"], by="Bob")["approved_by"] == ["Ann", "Bob"]
    assert [(one["item_id"], one["price"]) for one in letters(shop)] == [
        ("tea", tea["suggested"]), ("honey", honey["suggested"]),
    ]  # fmt: skip
    said("decisions", "take-back", honey["id"], "--note", "too cheap")
    assert [letters(shop)[-1][name] for name in ("price", "back")] == [5.2, True]
    said("decisions", "outcome", tea["id"], "--came", "profit=3.5", "--came", "season=spring")
    shown = said("decisions", "show", tea["id"])
    assert shown["history"][-1]["came"] == {"profit": 3.5, "season": "spring"}
    assert [step["what"] for step in shown["history"]] == [
        "proposed", "approved", "sending", "sent", "outcome",
    ]  # fmt: skip


def test_the_same_again_is_nothing_new_and_something_else_replaces(said, priced):
    said(*priced, "--propose")
    first = waiting(said)
    said(*priced, "--propose")
    assert waiting(said) == first
    said(*priced, "--propose", "--most-change", "0.1")
    again = waiting(said)
    assert again["tea"]["id"] != first["tea"]["id"]
    assert said("decisions", "show", first["tea"]["id"])["state"] == "replaced"


def test_the_catalogue_says_what_the_price_is_now(said, priced, tmp_path, shop):
    with Shop(shop, writer=True, encoder=FakeTextEncoder()) as opened:
        opened.items.upsert([msgspec.structs.replace(opened.items.get("tea"), price=4.2)])
    said(*priced, "--propose")
    tea = waiting(said)["tea"]
    assert tea["now"] == 4.2
    assert "the newest price in the sales is 3.5" in tea["reason"]


def test_what_went_out_is_the_price_until_the_feed_has_had_time(said, priced, shop):
    said(*priced, "--propose")
    tea = waiting(said)["tea"]
    said("decisions", "approve", tea["id"])
    with Shop(shop, writer=True, encoder=FakeTextEncoder()) as opened:
        now = opened.clock()
        assert price_now(opened, "tea", 3.5) == tea["suggested"], "the catalogue does not have it yet"
        opened.clock = lambda: now + FEED + 60
        assert price_now(opened, "tea", 3.5) == 3.5, "the shop did not take it"
        opened.clock = lambda: now + 60
        opened.items.upsert([msgspec.structs.replace(opened.items.get("tea"), price=tea["suggested"])])
        assert price_now(opened, "tea", tea["suggested"]) == tea["suggested"]
    said("decisions", "take-back", tea["id"])
    with Shop(shop, writer=False) as opened:
        assert price_now(opened, "tea", tea["suggested"]) == 3.5, "the former one went out"
        assert price_now(opened, "honey", 5.2) == 5.2
    said(*priced, "--propose", "--most-change", "0.1")
    assert waiting(said)["tea"]["now"] == 3.5


def test_an_edit_to_a_discount_shows_the_lowest_price_and_one_away_from_it_does_not(said, priced, shop):
    with Shop(shop, writer=True, encoder=FakeTextEncoder()) as opened:
        tea = opened.items.get("tea")
        opened.items.upsert([msgspec.structs.replace(tea, price=3.1)])
        opened.items.upsert([msgspec.structs.replace(tea, price=3.5)])
    said(*priced, "--propose")
    name = waiting(said)["tea"]["id"]
    assert said("decisions", "edit", name, "--value", "3.3")["lowest"] == 3.1
    assert said("decisions", "edit", name, "--value", "3.6")["lowest"] is None


def test_a_discount_shows_the_lowest_price_of_thirty_days(said, priced, shop):
    with Shop(shop, writer=True, encoder=FakeTextEncoder()) as opened:
        honey = opened.items.get("honey")
        opened.items.upsert([msgspec.structs.replace(honey, price=4.9)])
        opened.items.upsert([msgspec.structs.replace(honey, price=5.2)])
    said(*priced, "--propose")
    found = waiting(said)
    assert found["honey"]["suggested"] < 5.2
    assert (found["honey"]["lowest"], found["tea"]["lowest"]) == (4.9, None)


def test_what_cannot_be_done_by_command(said, priced, shop):
    said(*priced, "--propose")
    name = waiting(said)["tea"]["id"]
    for words, why in (
        (("approve",), "say which"),
        (("approve", "none"), "no decision 'none'"),
        (("edit", name), "--value NUMBER"),
        (("edit", name, "--value", "nan"), "number above 0"),
        (("take-back", name), "only what was approved"),
        (("outcome", name), "what came of it"),
        (("outcome", name, "--came", "profit"), "NAME=VALUE"),
        (("list", "--kind", "x"), "--kind must be one of"),
        (("list", "--state", "x"), "--state must be one of"),
        (("list", "--limit", "-1"), "or more"),
    ):
        assert why in said("decisions", *words, code=1)
    assert said("decisions", "show", name)["steps"] == 1
    assert letters(shop) == []


def test_without_a_place_approved_prices_wait(said, priced, shop):
    toml = (shop / "shop.toml").read_text()
    (shop / "shop.toml").write_text(toml.replace(FOLDER, ""))
    said(*priced, "--propose")
    done = said("decisions", "approve", waiting(said)["tea"]["id"])
    assert (done["state"], "delivery" in done) == ("approved", False)
    assert "say where they go" in said("decisions", "send", code=1)
    (shop / "shop.toml").write_text(toml)
    assert said("decisions", "send")["sent"] == 1
    assert len(letters(shop)) == 1


def test_orders_wait_with_what_each_quantity_would_do(said, tmp_path, shop):
    levels = {f"{level:g}": 100.0 * level for level in LEVELS.tolist()}
    row = Foreseen(item="tea", period="2026-W01", horizon=1, mean=50.0, quantiles=levels)
    outlook = Outlook(
        items=1, periods=9, first="a", last="b", horizon=1, forecast=[row], categories=[], models={},
        tested=None, notes=[], levels=LEVELS.tolist(),
    )  # fmt: skip
    (tmp_path / "outlook.json").write_bytes(msgspec.json.encode(outlook))
    table = write(tmp_path / "supply.csv", ["item", "on_hand", "cost", "lead_time", "pack_size"],
                  ["tea", 5, 2, 0, 6])  # fmt: skip
    words = ["stock", "orders", table, tmp_path / "outlook.json"]
    said(*words)
    assert waiting(said) == {}
    order = said(*words, "--propose")["orders"][0]
    found = waiting(said)["tea"]
    assert (found["kind"], found["suggested"], found["cost"]) == ("order", order["quantity"], order["cost"])
    chances = {pieces: chance for pieces, chance, _, _ in found["curve"]}
    assert chances[order["quantity"]] >= 0.9 > chances[0.0]
    assert list(chances.values()) == sorted(chances.values())
    assert found["low"] < found["expected"] < found["high"]
    done = said("decisions", "approve", found["id"])
    assert (done["state"], done["due"]) == ("approved", "")
    assert letters(shop) == [], "only prices go out"


PEOPLE = ["anna", "ben", "cleo", "dora", "eve", "finn", "gina", "hugo", "ida", "jan"]


@pytest.fixture
def campaign(tmp_path):
    rows = [["user_id", "mail"], *([name, 1 + n] for n, name in enumerate(PEOPLE))]
    people = write(tmp_path / "people.csv", *rows)
    offers = write(tmp_path / "offers.csv", ["offer", "cost"], ["mail", 1])
    return ["campaigns", "allocate", people, offers, "--budget", "4", "--holdout", "0.2", "--propose"]


def test_a_campaign_waits_as_one_and_each_person_is_kept(said, campaign, shop):
    with Shop(shop, writer=True) as opened:
        ben = opened.pseudonymizer.pseudonym("ben")
        opened.consent.set(ben, Consent(profiling=False))
    plan = said(*campaign, "--name", "spring")
    (found,) = said("decisions", "list", "--kind", "campaign")
    assert (found["subject"], found["suggested"], found["cost"]) == ("spring", 4.0, 4.0)
    assert set(found["alternatives"]) == {"mail", "nothing"}
    assert set(found["inputs"]) == {"people.csv", "offers.csv"}
    assert not any(name in msgspec.json.encode(found).decode() for name in PEOPLE)
    with Shop(shop, writer=False) as opened:
        kept = {one.person: one for one in opened.offered.of(found["id"])}
        names = {opened.pseudonymizer.pseudonym(name): name for name in PEOPLE}
    assert ben not in kept
    assert len(kept) == 9
    for person, one in kept.items():
        row = PEOPLE.index(names[person])
        assert list(one.offers) == plan["given"][row]
        assert one.held_out == (row in plan["holdout"])
        assert one.propensity == pytest.approx(0.2 if one.held_out else 0.8)
    told = said("decisions", "show", found["id"])["people"]
    assert (told["people"], told["propensity"]) == (9, 0.2)


def test_what_is_held_on_a_person_goes_with_the_person(said, campaign, shop, capsys):
    said(*campaign)
    (name,) = [one["id"] for one in said("decisions", "list", "--kind", "campaign")]
    held = said("export-user", "eve")["held"]["offered"]
    assert [(one["decision"], one["offers"]) for one in held] == [(name, held[0]["offers"])]
    with Shop(shop, writer=False) as opened:
        eve, count = opened.pseudonymizer.pseudonym("eve"), len(opened.offered.of(name))
    assert said("erase-user", "eve", "--yes")["removed"]["offered"] == 1
    assert said("export-user", "eve")["held"]["offered"] == []
    with Shop(shop, writer=False) as opened:
        assert len(opened.offered.of(name)) == count - 1
    assert eve.encode() not in (shop / "shop.db").read_bytes()


def test_who_opts_out_later_is_in_no_plan_any_more(said, campaign, shop):
    said(*campaign)
    (name,) = [one["id"] for one in said("decisions", "list", "--kind", "campaign")]
    serving = Serving(Shop(shop, writer=True, encoder=FakeTextEncoder()))
    eve = serving.shop.pseudonymizer.pseudonym("eve")
    assert eve in {one.person for one in serving.shop.offered.of(name)}
    serving.set_consent("eve", experiments=False)
    assert eve in {one.person for one in serving.shop.offered.of(name)}
    serving.set_consent("eve", profiling=False)
    assert eve not in {one.person for one in serving.shop.offered.of(name)}
    assert len(serving.shop.offered.of(name)) == 9
    serving.close()


def test_a_plan_without_ids_is_no_decision(said, campaign, tmp_path):
    bare = write(tmp_path / "bare.csv", ["mail"], [1], [2])
    assert "user_id" in said(*campaign[:2], bare, *campaign[3:], code=1)
    short = write(tmp_path / "short.csv", ["user_id"], ["anna"])
    assert "1 rows, the plan 10" in said(*campaign, "--people", short, code=1)
    twice = write(tmp_path / "twice.csv", ["user_id"], *[["anna"]] * 10)
    assert "row 2 of the people stands there twice" in said(*campaign, "--people", twice, code=1)
    assert said("decisions", "list") == []


def test_they_are_in_a_backup_and_who_was_erased_stays_erased(said, priced, campaign, shop, tmp_path):
    said(*priced, "--propose")
    said("decisions", "approve", waiting(said)["tea"]["id"])
    said(*campaign)
    with Shop(shop, writer=False) as opened:
        before = DecisionDesk(opened).decisions()
        back_up(opened, tmp_path / "b.tar")
    said("erase-user", "eve", "--yes")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "erased.ledger").write_bytes((shop / "erased.ledger").read_bytes())
    found = restore(
        tmp_path / "b.tar", tmp_path / "new", until=1.0, clock=lambda: 2e9, tell=lambda what, share: None
    )
    assert found.erased == 1
    with Shop(tmp_path / "new", writer=False) as opened:
        desk, eve = DecisionDesk(opened), opened.pseudonymizer.pseudonym("eve")
        assert desk.decisions() == before, "what went out went out, whenever a shop is taken back to"
        (name,) = [one["id"] for one in before if one["kind"] == "campaign"]
        assert eve not in {one.person for one in opened.offered.of(name)}
        assert len(opened.offered.of(name)) == 9


def test_one_process_sends_at_a_time(said, priced, shop):
    with Shop(shop, writer=False) as opened:
        desk = DecisionDesk(opened)

        class Nosy:
            def deliver(self, letters):
                with pytest.raises(ShopError, match="is sending"):
                    DecisionDesk(opened).send()
                yield from letters

        said(*priced, "--propose")
        name = waiting(said)["tea"]["id"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("penchant.app.deciding.outlet_of", lambda shop: Nosy())
            done = main(["decisions", "approve", name, "--by", "Ann", "--shop", str(shop)])
        assert done == 0
        assert desk.decision(name)["state"] == "sent"


def test_the_actions_are_those_of_the_verb():
    assert list(_ACTIONS) == cli._DECIDING


VERBS = {
    "init": [], "import": [str(EXAMPLES / "items.csv")], "doctor": [], "export-events": [],
    "export-dead-letters": [], "keys": ["list"], "backup": ["{}/b.tar"], "restore": ["{}/b.tar"],
    "rules": ["list"], "recommend": ["anna"], "taste": ["anna"], "export-user": ["anna"],
    "erase-user": ["anna", "--yes"], "snapshots": ["list"], "ab": ["report"], "campaigns": ["allocate"],
    "prices": ["suggest"], "stock": ["forecast"], "decisions": ["send"], "evaluate": [], "learn": ["--once"],
    "trends": [], "train": [], "tune": ["--minutes", ".01"], "distil": [],
}  # fmt: skip
STAY = {"serve", "demo"}
"""They do not end by themselves: what a server does is tested over its routes."""


def test_no_verb_lets_an_unapproved_suggestion_out(said, priced, campaign, shop, monkeypatch):
    monkeypatch.setattr(Shop, "encoder", FakeTextEncoder())
    said(*priced, "--propose")
    before = waiting(said)
    (verbs,) = [one.choices for one in cli.parser()._actions if one.choices and "init" in one.choices]
    assert set(verbs) == set(VERBS) | STAY
    given = VERBS | {"prices": priced[1:], "campaigns": campaign[1:]}
    for verb, words in given.items():
        main([verb, *(str(word).replace("{}", str(shop.parent)) for word in words), "--shop", str(shop)])
        assert letters(shop) == [], verb
    for action in cli._DECIDING:
        if action not in ("approve", "send"):
            name = before["honey"]["id"]
            main(["decisions", action, name, "--by", "Ann", "--value", "5", "--shop", str(shop)])
            assert letters(shop) == [], action


def shop_with(folder, sales, order, people):
    """A shop and its sales; ``order`` says whose taste stands beside which sale, ``people`` who did what."""
    folder.mkdir()
    rows = list(zip(*sales.columns.values(), strict=True))
    tastes = [[f"u{n % 37}", ["tea", "beer"][n % 2], n % 50] for n in order]
    columns = [*sales.columns, "user_id", "taste", "customer_age"]
    write(folder / "sales.csv", columns, *([*row, *taste] for row, taste in zip(rows, tastes, strict=True)))
    costs = [(f"item {n:04d}", f"{cost:.2f}") for n, cost in enumerate(sales.cost)]
    write(folder / "costs.csv", ["item", "cost"], *costs)
    init_shop(folder / "shop", name="Corner")
    with Shop(folder / "shop", writer=True, encoder=FakeTextEncoder()) as shop:
        with (EXAMPLES / "events.csv").open() as file:
            events = list(csv.DictReader(file))
        names = [row["user_id"] for row in events]
        events = [row | {"user_id": names[at]} for row, at in zip(events, people(len(names)), strict=True)]
        shop.intake().accept(events)
        shop.consent.set(shop.pseudonymizer.pseudonym(events[0]["user_id"]), Consent(profiling=False))
    return folder


def priced_in(folder):
    fitted = ["--json-file", folder / "fitted.json", "--threads", 1]
    assert main(list(map(str, ["prices", "fit", folder / "sales.csv", *fitted]))) == 0
    words = ["prices", "suggest", folder / "fitted.json", folder / "costs.csv", "--propose", "--by", "Ann"]
    assert main([*map(str, words), "--shop", str(folder / "shop")]) == 0
    with Shop(folder / "shop", writer=False) as shop:
        found = DecisionDesk(shop).decisions("price")
    return [{name: one[name] for name in one if name not in ("id", "time", "history")} for one in found]


def test_shuffling_tastes_changes_no_price(tmp_path):
    """Two shops with the same sales; who bought what, and who likes what, is shuffled in one of them."""
    sales, rng = simulated_sales(Market(items=10, periods=40), seed=3), np.random.default_rng(0)
    count = len(sales.columns["item"])
    as_it_is = priced_in(shop_with(tmp_path / "a", sales, range(count), range))
    shuffled = priced_in(shop_with(tmp_path / "b", sales, rng.permutation(count), rng.permutation))
    assert (tmp_path / "a" / "sales.csv").read_bytes() != (tmp_path / "b" / "sales.csv").read_bytes()
    assert as_it_is
    assert as_it_is == shuffled
