"""``penchant ab``: report, power, and another policy, of a shop's own log."""

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.evaluate.experiment_worlds import AT, DAY, impression, world

from penchant import cli
from penchant.adapters.lightgbm_rewards import TreeRewards
from penchant.app.reports import report_page
from penchant.app.shop import Shop, init_shop
from penchant.privacy.consent import Consent
from penchant.types import Event, EventType, Impression, Item, Pseudonym

SETTINGS = """
[experiment]
name = "spring"
control = "old"
[experiment.arms.new]
share = 0.5
[experiment.arms.old]
share = 0.5
"""


def keep(folder: Path, shown: list[Impression], events: list[Event]) -> None:
    with Shop(folder, writer=True) as shop:
        shop.impressions.append(shown)
        ids = [msgspec.structs.replace(one, event_id=f"e{number}") for number, one in enumerate(events)]
        shop.log.append(ids)
        shop.items.upsert([Item(item_id="tea", price=5.0)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    init_shop(tmp_path / "shop", more=SETTINGS)
    return tmp_path / "shop"


def says(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    assert cli.main([*map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_report_is_of_the_log_and_of_nobody_who_opted_out(folder: Path, capsys) -> None:
    keep(folder, *world(people=600, buys={"old": 0.1, "new": 0.4}))
    found = says(capsys, "ab", "--shop", folder)
    assert found["verdict"] == "new is better than old in conversion"
    assert {arm["arm"]: arm["people"] for arm in found["arms"]} == {"new": 300, "old": 300}
    with Shop(folder, writer=True) as shop:
        shop.consent.set(Pseudonym("p0"), Consent(profiling=False))
    found = says(capsys, "ab", "--shop", folder)
    assert {arm["arm"]: arm["people"] for arm in found["arms"]} == {"new": 300, "old": 299}
    assert found["left_out"] == {"opted out": 1}
    later = says(capsys, "ab", "report", "--shop", folder, "--since", AT + 5 * DAY)
    assert sum(arm["people"] for arm in later["arms"]) == 300


def test_the_report_is_a_table_for_people(folder: Path, capsys) -> None:
    keep(folder, *world(people=200, buys={"old": 0.1, "new": 0.4}))
    assert cli.main(["ab", "--shop", str(folder), "--days", "3"]) == 0
    said = capsys.readouterr().out
    assert "conversion *" in said
    assert "refunds (guard)" in said


def test_without_arms_there_is_no_experiment(tmp_path: Path, capsys) -> None:
    init_shop(tmp_path / "shop")
    assert cli.main(["ab", "--shop", str(tmp_path / "shop")]) == 1
    assert "no experiment" in capsys.readouterr().err


def test_power_needs_no_shop_and_reads_one_where_there_is_one(folder: Path, tmp_path: Path, capsys) -> None:
    alone = says(capsys, "ab", "power", "--baseline", ".05", "--effect", ".1", "--shop", tmp_path / "none")
    assert alone["people_fixed"] == 62_462
    assert alone["days_fixed"] is None
    assert cli.main(["ab", "power", "--shop", str(folder)]) == 1
    assert "--baseline" in capsys.readouterr().err
    keep(folder, *_lately(folder, world(people=400, buys={"old": 0.2, "new": 0.2})))
    found = says(capsys, "ab", "power", "--effect", "0.2", "--shop", folder)
    assert found["baseline"] == pytest.approx(0.2, abs=0.05)
    assert found["people_a_day"] == pytest.approx(40, rel=0.1)
    assert found["days_anytime"] == pytest.approx(found["people_anytime"] / found["people_a_day"])
    money = says(capsys, "ab", "power", "--metric", "revenue", "--shop", folder)
    assert money["baseline"] == pytest.approx(5 * found["baseline"])
    assert cli.main(["ab", "power", "--baseline", "0.05", "--shop", str(folder)]) == 0
    assert "people a day" in capsys.readouterr().out


def _lately(folder: Path, made: tuple[list[Impression], list[Event]]) -> tuple[list[Impression], list[Event]]:
    """The same, ten days of it, ending now."""
    with Shop(folder, writer=False) as shop:
        moved = shop.clock() - 10 * DAY - AT
    return tuple(  # type: ignore[return-value]
        [msgspec.structs.replace(one, timestamp=one.timestamp + moved) for one in part] for part in made
    )


def explored(people: int) -> tuple[list[Impression], list[Event]]:
    """One of two items at the first place, tea in a fifth of the lists; tea is liked, salt is not."""
    rng = np.random.default_rng(0)
    shown, events = list[Impression](), list[Event]()
    for number in range(people):
        item, chance = ("tea", 0.2) if rng.random() < 0.2 else ("salt", 0.8)
        shown.append(impression(f"r{number}", f"p{number}", number, item, chance=chance))
        if rng.random() < {"tea": 0.5, "salt": 0.1}[item]:
            kind = EventType.CLICK
            events.append(Event(user_id=f"p{number}", type=kind, timestamp=AT + number + 1, item_id=item))
    return shown, events


def policy(file: Path, people: int, tea: float) -> Path:
    rows = [
        {"recommendation_id": f"r{n}", "position": 0, "item_id": item, "probability": chance}
        for n in range(people)
        for item, chance in (("tea", tea), ("salt", 1 - tea))
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def test_another_policy_is_judged_by_the_lists_that_were_shown(folder: Path, tmp_path: Path, capsys) -> None:
    keep(folder, *explored(2_000))
    file = policy(tmp_path / "policy.jsonl", 2_000, tea=0.9)
    found = says(capsys, "ab", "offpolicy", file, "--shop", folder)
    assert found["decisions"] == 2_000
    assert found["shown"] == pytest.approx(0.18, abs=0.03)
    for value, low, high in found["estimates"].values():
        assert low < 0.46 < high
        assert value == pytest.approx(0.46, abs=0.08)
    widths = {name: high - low for name, (_, low, high) in found["estimates"].items()}
    assert widths["doubly robust"] < 0.9 * widths["ips"]
    assert found["warnings"] == []
    clipped = says(capsys, "ab", "offpolicy", file, "--clip", 2, "--shop", folder)
    assert clipped["estimates"]["ips"][0] < found["estimates"]["ips"][0]
    assert clipped["lost"] > 0.3
    assert cli.main(["ab", "offpolicy", str(file), "--shop", str(folder)]) == 0
    assert "decisions of this policy" in capsys.readouterr().out


def test_without_the_extra_there_are_two_estimates(folder: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    keep(folder, *explored(300))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    file = policy(tmp_path / "policy.jsonl", 300, tea=0.5)
    assert cli.main(["ab", "offpolicy", str(file), "--shop", str(folder), "--json"]) == 0
    said = capsys.readouterr()
    assert "pip install" in said.err
    assert json.loads(said.out)["estimates"].keys() == {"ips", "snips"}


def test_a_policy_that_cannot_be_judged_is_refused_in_one_line(folder: Path, tmp_path: Path, capsys) -> None:
    def refused(file: Path | None, why: str) -> None:
        words = ["ab", "offpolicy", *([str(file)] if file else []), "--shop", str(folder)]
        assert cli.main(words) == 1
        said = capsys.readouterr().err
        assert why in said
        assert len(said.splitlines()) == 1

    refused(None, "say which policy")
    keep(folder, *explored(50))
    refused(policy(tmp_path / "more.jsonl", 51, tea=0.5), "has no place 0")
    unsure = policy(tmp_path / "unsure.jsonl", 50, tea=0.5)
    unsure.write_text(unsure.read_text().replace("0.5", "0.4"), encoding="utf-8")
    refused(unsure, "sum to 0.8")
    for name, text in (("a.csv", "recommendation_id,position\nr1,0\n"), ("a.txt", ""), ("b.jsonl", "{")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        refused(tmp_path / name, name)
    assert cli.main(["ab", "power", str(unsure), "--shop", str(folder)]) == 1
    assert "takes no file" in capsys.readouterr().err


def test_lists_in_which_nothing_was_drawn_tell_nothing_of_others(
    folder: Path, tmp_path: Path, capsys
) -> None:
    keep(folder, [impression("r0", "p0", 0, "tea"), impression("r1", "p1", 0, "tea")], [])
    file = policy(tmp_path / "policy.jsonl", 2, tea=0.5)
    assert cli.main(["ab", "offpolicy", str(file), "--shop", str(folder)]) == 1
    assert "nothing was drawn" in capsys.readouterr().err


def test_the_reward_model_learns_what_is_liked() -> None:
    rng = np.random.default_rng(1)
    features = rng.integers(0, 2, (2_000, 2)).astype(float)
    rewards = (rng.random(2_000) < 0.1 + 0.6 * features[:, 0]).astype(float)
    model = TreeRewards(threads=1)
    model.fit(features, rewards)
    low, high = model.predict(np.array([[0.0, 0.0], [1.0, 0.0]]))
    assert (low, high) == (pytest.approx(0.1, abs=0.06), pytest.approx(0.7, abs=0.06))
    assert model.predict(np.zeros((0, 2))).shape == (0,)


def test_the_console_has_the_report_of_now(folder: Path, tmp_path: Path) -> None:
    keep(folder, *world(people=400, buys={"old": 0.1, "new": 0.4}))
    with Shop(folder, writer=False) as shop:
        text = report_page(shop, "experiment") or ""
    assert "new is better than old in conversion" in text
    assert text.count('class="reach"') == 3  # Nothing is known of the guards.
    assert "<script" not in text
    init_shop(tmp_path / "none")
    with Shop(tmp_path / "none", writer=False) as shop:
        assert "No experiment" in (report_page(shop, "experiment") or "")
        assert report_page(shop, "evaluation") is None
