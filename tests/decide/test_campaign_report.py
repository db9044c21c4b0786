"""What is told of a shop's campaigns: counts by the log, and an effect only where a holdout was by lot."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penchant.app.shop import Shop, init_shop
from penchant.cli import main
from penchant.events.offers import Exposure, Offer
from penchant.privacy.consent import Consent

NOW = 1_767_700_000.0
DAY = 86_400.0
START, END = NOW - 20 * DAY, NOW - 10 * DAY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    init_shop(tmp_path / "shop")
    return tmp_path / "shop"


def filled(folder: Path, events: list[dict[str, Any]], told: list[tuple[str, float, bool]]) -> Path:
    """One campaign on tea, and who was told of it when."""
    with Shop(folder, writer=True, clock=lambda: NOW) as shop:
        shop.offers.put([Offer(offer_id="o1", campaign_id="spring", item_id="tea", starts=START, ends=END)])
        names = shop.pseudonymizer.pseudonyms([user for user, _, _ in told])
        shop.exposures.put(
            [
                Exposure(user_id=name, campaign_id="spring", timestamp=at, held_out=out)
                for name, (_, at, out) in zip(names, told, strict=True)
            ]
        )
        for start in range(0, len(events), 1_000):
            assert not shop.intake().accept(events[start : start + 1_000]).rejected
    return folder


def event(user: str, at: float, item: str = "tea", **more: Any) -> dict[str, Any]:
    return {"user_id": user, "item_id": item, "type": "purchase", "timestamp": at, "price": 2.0} | more


def report(folder: Path, capsys: pytest.CaptureFixture[str], **consent: bool) -> dict[str, Any]:
    del consent
    assert main(["campaigns", "report", "--shop", str(folder), "--json", "--threads", "1"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    return found


def test_who_redeemed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = [(user, START, False) for user in ("anna", "ben", "cleo", "dora", "eve", "finn")]
    told[4] = ("eve", START + 5 * DAY, False)
    filled(
        folder,
        [
            event("anna", START), event("anna", START + DAY),
            event("ben", END), event("ben", START - 1),  # Out of its time.
            event("cleo", START + DAY, "cup"),  # Another item.
            event("dora", END + DAY, "cup", offer_id="o1"),  # Names the offer.
            event("eve", START + DAY),  # Before she was told.
            event("finn", START + DAY, type="view", offer_id="o1"),  # Nothing bought.
            event("stranger", START + DAY),  # Never told.
        ],
        told,
    )  # fmt: skip
    found = report(folder, capsys)
    assert (found["exposed"], found["held_out"], found["bought"], found["named"]) == (6, 0, 1, 1)
    assert (found["redeemed"], found["purchases"]) == (2, 3)
    assert (found["starts"], found["ends"], found["offers"], found["items"]) == (START, END, 1, 1)
    assert found["effect"] is None
    assert "nothing can be concluded about its effect" in found["said"][0]
    assert main(["campaigns", "report", "--shop", str(folder)]) == 0
    words = capsys.readouterr().out
    assert "told: 6 people; redeemed: 2 (33.3%), by 3 purchases" in words
    assert "nothing can be concluded" in words


def test_who_opted_out_is_in_no_figure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(
        folder, [event("anna", START), event("ben", START)], [("anna", START, False), ("ben", START, False)]
    )
    with Shop(folder, writer=True) as shop:
        shop.consent.set(shop.pseudonymizer.pseudonym("anna"), Consent(profiling=False))
    found = report(folder, capsys)
    assert (found["exposed"], found["redeemed"]) == (1, 1)


def holdout(effect: float, chosen: bool) -> tuple[list[dict[str, Any]], list[tuple[str, float, bool]]]:
    """1,200 people, half of them told; ``chosen``: those who bought most."""
    rng = np.random.default_rng(3)
    events, told = [], []
    habits = rng.poisson(3, 1_200)
    for number, habit in enumerate(habits):
        user = f"u{number}"
        out = bool(habit < 3) if chosen else bool(rng.random() < 0.5)
        told.append((user, START, out))
        events += [event(user, START - (n + 1) * DAY, f"i{rng.integers(20)}") for n in range(habit)]
        if rng.random() < 0.1 + 0.05 * habit / 3 + (0 if out else effect):
            events.append(event(user, START + DAY))
    return events, told


def test_with_a_holdout_by_lot_the_effect_is_told_with_its_interval(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filled(folder, *holdout(0.15, chosen=False))
    found = report(folder, capsys)
    assert found["exposed"] + found["held_out"] == 1_200
    assert found["effect"]["low"] < 0.15 < found["effect"]["high"]
    assert found["effect"]["low"] > 0.05
    assert found["randomised"]["verdict"] != "no"
    assert "more of 100 people bought" in found["said"][0]


def test_without_an_effect_none_is_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(folder, *holdout(0.0, chosen=False))
    found = report(folder, capsys)
    assert found["effect"]["low"] < 0 < found["effect"]["high"]
    assert "No effect" in found["said"][0]


def test_a_holdout_that_was_chosen_tells_no_effect(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(folder, *holdout(0.15, chosen=True))
    found = report(folder, capsys)
    assert (found["effect"], found["randomised"]["verdict"]) == (None, "no")
    assert "not by lot" in found["said"][0]


def test_too_few_are_told_as_too_few(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(folder, [event("anna", START)], [("anna", START, False), ("ben", START, True)])
    found = report(folder, capsys)
    assert (found["exposed"], found["held_out"], found["effect"]) == (1, 1, None)
    assert "50 are needed" in found["said"][0]


def test_a_shop_without_offers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["campaigns", "report", "--shop", str(folder)]) == 0
    assert "no offers yet" in capsys.readouterr().out
