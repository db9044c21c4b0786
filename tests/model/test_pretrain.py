import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.app.commands import WITHOUT_LANGUAGE_MODEL, run

from penchant.errors import SettingsError
from penchant.model import pretrain
from penchant.model.examples import basket_questions
from penchant.model.histories import histories_of
from penchant.model.pretrain import Pretrainer, Unlabelled, _changed
from penchant.model.settings import ModelSettings
from penchant.model.training import Trainer, train
from penchant.types import EventType


def chains(rng, destroyed=False, people=200):
    """Item n is followed by n + 1 of 40; the destroyed form has any items."""
    rows = [[int((start + k) % 40) for k in range(8)] for start in rng.integers(0, 40, people)]
    return histories_of([rng.integers(0, 40, 8).tolist() for _ in rows] if destroyed else rows)


@pytest.fixture(autouse=True)
def many_passes(monkeypatch) -> None:
    """So that steps are what ends it."""
    monkeypatch.setattr(pretrain, "PASSES", 1000)


def pretrained(data, settings, steps=200):
    """The pretrainer, and the mean loss of its first and last steps."""
    torch.manual_seed(0)
    trainer = Trainer(data, None, settings, 40, None)
    log = Unlabelled.of(data, None, trainer.held_out)
    found = []
    made = Pretrainer(trainer.net, log, settings, np.random.default_rng(0))
    made.run(lambda step, loss: found.append(loss) or step >= steps)
    return np.mean(found[:4]), np.mean(found[-4:])


@pytest.mark.parametrize(("objective", "least"), [("next", 0.7), ("masked", 1.9)])
def test_a_planted_order_is_learned_before_any_question(rng, small, objective, least) -> None:
    settings = replace(small, pretrain=objective)
    before, after = pretrained(chains(rng), settings)
    assert before > 3
    assert after < least
    assert pretrained(chains(rng, destroyed=True), settings)[1] > 2.5


def test_views_of_one_person_come_near_to_each_other(rng, small) -> None:
    settings = replace(small, pretrain="contrastive")
    mine = histories_of([rng.choice(rng.integers(0, 40, 2), 8).tolist() for _ in range(200)])
    before, after = pretrained(mine, settings)
    assert after < 0.7 * before


class Everything:
    """Draws what masks every event."""

    def random(self, shape):
        return np.zeros(shape)


def test_masked_items_cannot_be_read(rng, small) -> None:
    """What the net says at a masked event is the same whichever item was taken there."""
    data = chains(rng)
    other = replace(data, items=((data.items + 5) % 40).astype(np.int32))
    trainer = Trainer(data, None, small, 40, None)
    told = []
    for log in (data, other):
        made = Pretrainer(trainer.net.eval(), Unlabelled.of(log, None, trainer.held_out), small, rng)
        made.rng = Everything()
        made._named = lambda h, items, gone: told.append((h.detach()[gone], gone)) or h.sum()
        made._masked([np.arange(0, 8), np.arange(8, 13)])
    assert torch.equal(told[0][0], told[1][0])
    assert told[0][1].sum() == 13


def test_what_is_held_out_is_not_read(rng, small) -> None:
    data = chains(rng)
    trainer = Trainer(data, None, small, 40, None)
    log = Unlabelled.of(data, None, trainer.held_out)
    held = set(trainer.held_out.ends.tolist())
    read = {int(row) for runs in log.runs(50, rng) for run in runs for row in run}
    assert len(held) == 100
    assert not read & held
    assert read == set(range(data.events)) - held
    assert log.counts(40).sum() == len(read)


def test_events_of_every_type_are_predicted(rng, small) -> None:
    data = chains(rng, people=20)
    data = replace(data, types=np.full_like(data.types, EventType.VIEW.code))
    data.types[::8] = EventType.REMOVE_FROM_CART.code
    asked = basket_questions(data)
    log = Unlabelled.of(data, None, asked.take(np.zeros(0, np.int64)))
    assert log.counts(40).sum() == data.events > len(asked)


def test_long_histories_are_read_in_random_stretches(rng) -> None:
    data = histories_of([[0] * 90, [0] * 5, [0]])
    log = Unlabelled.of(data, None, basket_questions(data).take(np.zeros(0, np.int64)))
    starts = set()
    for _ in range(20):
        (runs,) = log.runs(10, rng)
        assert sorted(len(run) for run in runs) == [5, 10]
        starts |= {int(run[0]) for run in runs}
    assert len(starts) > 8


def test_a_view_is_a_crop_has_masks_or_another_order(rng) -> None:
    run = np.arange(10, 20)
    kinds = set()
    for _ in range(60):
        rows, masked = _changed(run, rng)
        assert len(rows) == len(masked)
        if len(rows) < 10:
            kinds.add("crop")
            assert (np.diff(rows) == 1).all()
        elif not (rows == run).all():
            kinds.add("reorder")
            assert sorted(rows) == run.tolist()
        elif masked.any():
            kinds.add("mask")
    assert kinds == {"crop", "reorder", "mask"}
    for _ in range(20):
        assert len(_changed(np.array([7]), rng)[0]) == 1


def test_training_goes_on_from_there_within_the_same_time(rng, small) -> None:
    ticks, heard = iter(range(10**6)), []
    settings = replace(
        small, pretrain="next+masked+contrastive", pretrain_share=0.5, time_budget_s=60.0, max_epochs=9
    )
    model = train(
        chains(rng), None, settings, n_items=40, clock=lambda: float(next(ticks)), on_progress=heard.append
    )
    first = [at for at in heard if at.epoch == 0]
    assert first[-1].seconds > 30 >= first[-2].seconds
    assert heard[len(first)].seconds > 30
    assert heard[-1].seconds < 90
    assert model.report["epochs"] >= 1


def test_pretrained_weights_are_where_training_begins(rng, small) -> None:
    data, asked = chains(rng), replace(small, max_epochs=1, batch=1024, lr=1e-6)
    plain = train(data, None, asked, n_items=40).report["validation"]
    trainer = Trainer(data, None, replace(asked, pretrain="next"), 40, None)
    log = Unlabelled.of(data, None, trainer.held_out)
    Pretrainer(trainer.net, log, replace(small, pretrain="next"), rng).run(lambda step, loss: step >= 200)
    trainer.settings = asked
    found = trainer.run(lambda at: None, None, lambda: 0.0).report["validation"]
    assert plain < 0.4
    assert found > 0.7


def test_unknown_objectives_are_refused() -> None:
    with pytest.raises(SettingsError, match="unknown: \\['dreams'\\]"):
        ModelSettings(pretrain="next+dreams")


@pytest.mark.slow
def test_the_verb_pretrains(tmp_path) -> None:
    shop = tmp_path / "shop"
    lines = [
        f"u{u},i{(u + k) % 9},purchase,{1_700_000_000 + u + k * 90_000}" for u in range(20) for k in range(4)
    ]
    (tmp_path / "events.csv").write_text("\n".join(["user_id,item_id,type,timestamp", *lines]), "utf-8")
    assert run("init", "--shop", shop).code == 0
    with (shop / "shop.toml").open("a", encoding="utf-8") as file:
        file.write("[train]\nmax_epochs = 1\ndim = 8\nthreads = 1\n")
    assert run("import", "--shop", shop, tmp_path / "events.csv").code == 0
    wrong = run("train", "--pretrain", "dreams", "--shop", shop)
    assert (wrong.code, "unknown: ['dreams']" in wrong.line) == (1, True)
    done = run("train", "--pretrain", "--json", "--shop", shop, command=WITHOUT_LANGUAGE_MODEL)
    assert done.code == 0, done.err
    assert "before the first epoch" in done.err
    assert json.loads(done.out)["settings"]["pretrain"] == "next+masked+contrastive"
