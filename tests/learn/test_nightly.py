"""One learning on: what is learned and what is asked, and who gets through the gate."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from penchant.errors import NotEnoughData
from penchant.learn.asking import ask, main_questions
from penchant.learn.continued import Known, Pass, learn_on
from penchant.learn.gate import GateSettings
from penchant.learn.nightly import (
    Attempt,
    Learn,
    Reference,
    Rules,
    attempt,
    checksum_of,
    next_task,
    one_each,
)
from penchant.model.histories import Histories, histories_of
from penchant.model.lessons import Lessons
from penchant.model.scoring import PreferenceModel
from penchant.model.settings import ModelSettings
from penchant.model.training import train
from penchant.model.trend import TrendTable
from penchant.model.validation import marks_of, ndcg
from penchant.testing.simulated import SimulatedSettings, SimulatedShop

RULES = Rules(gate=GateSettings(least=50))
SHOP = SimulatedShop(SimulatedSettings(people=300, items=120, interests=6, events=5_000, shock=None))
KNOWN = Known(SHOP.draw(), 120, SHOP.goods.text_vectors, prices=SHOP.goods.prices)
SINCE = float(np.quantile(KNOWN.histories.times, 0.5))


@pytest.fixture(scope="module")
def champion() -> PreferenceModel:
    settings = ModelSettings(dim=8, layers=1, text_dim=8, max_epochs=2, patience=1, threads=1)
    return train(KNOWN.histories.before(SINCE), KNOWN.text, settings, n_items=120, prices=KNOWN.prices)


def spoiled(change) -> Learn:
    """Learns nothing, and changes the item vectors as ``change`` says."""

    def learn(model: PreferenceModel, job: Pass, seed: int) -> PreferenceModel:
        net = copy.deepcopy(model.net)
        with torch.no_grad():
            change(net)
        return replace(model, net=net)

    return learn


def tried(champion: PreferenceModel, learn=learn_on) -> Attempt:
    task = next_task(KNOWN.histories, SINCE, RULES)
    return attempt(champion, KNOWN, task, RULES, reference=Reference(champion, SINCE), learn=learn)


def test_the_window_is_the_newest_and_is_not_learned(champion: PreferenceModel) -> None:
    given: list[Pass] = []

    def learn(model: PreferenceModel, job: Pass, seed: int) -> PreferenceModel:
        given.append(job)
        return model

    task = tried(champion, learn).task
    (job,) = given
    assert job.since == SINCE < task.to
    assert job.known.histories.times.max() < task.to == task.window.times.min()
    asked = main_questions(KNOWN.histories)
    assert len(task.window) == np.sum(asked.times >= task.to)
    counts = np.unique(task.window.people, return_counts=True)[1]
    assert counts.sum() ** 2 / (counts**2).sum() >= 50
    assert len(counts) < 150, "it is no larger than it must be"


def test_passes_tile_the_time() -> None:
    since, total = SINCE, 0
    for share in (0.7, 0.85, 1.0):
        known = KNOWN.histories.before(np.quantile(KNOWN.histories.times, share) + 1e-3)
        task = next_task(known, since, RULES)
        assert task.since == since
        total, since = total + task.events, task.to
    times = KNOWN.histories.times
    assert total == np.sum((times >= SINCE) & (times < since))


def test_too_few_people_are_no_window() -> None:
    with pytest.raises(NotEnoughData, match="50 are needed"):
        next_task(KNOWN.histories, float(np.sort(KNOWN.histories.times)[-20]), RULES)


def test_a_window_that_leaves_nothing_to_learn_waits() -> None:
    with pytest.raises(NotEnoughData, match="Wait for more"):
        next_task(histories_of([[item] for item in range(60)]), 0.0, RULES)


def test_a_checksum_tells_one_event_from_another() -> None:
    log = histories_of([[1, 2], [3, 4]])
    changed = replace(log, items=np.int32([1, 2, 3, 5]))
    swapped = histories_of([[3, 4], [1, 2]])
    end = np.inf
    assert checksum_of(log, 0, end) == checksum_of(swapped, 0, end) != checksum_of(changed, 0, end)
    assert checksum_of(log, 0, 1.0) != checksum_of(log, 0, end)


def test_single_answers_are_those_of_validation(champion: PreferenceModel) -> None:
    window, trend = next_task(KNOWN.histories, SINCE, RULES).window, TrendTable.of(KNOWN.histories)
    found = ask(champion, KNOWN, window, trend)
    whole = ndcg(champion.score_blocks(KNOWN.histories, window, trend=trend), window)
    assert found.ndcg.mean() == pytest.approx(whole)
    assert found.ndcg.std() > 0.1


def test_what_learned_is_let_through_with_its_figures(champion: PreferenceModel) -> None:
    found = tried(champion)
    assert found.verdict.accepted, found.verdict.reasons
    assert found.challenger.report["questions"] > 500
    assert {"newest.loss", "memory.loss", "anchor.loss"} <= found.verdict.figures.keys()


def test_an_equal_one_is_let_through(champion: PreferenceModel) -> None:
    found = tried(champion, lambda model, job, seed: model)
    assert found.verdict.accepted
    assert found.verdict.figures["newest.loss"] == 0


def test_overgrown_weights_are_refused(champion: PreferenceModel) -> None:
    found = tried(champion, spoiled(lambda net: net.items.project.weight.mul_(9)))
    assert not found.verdict.accepted
    assert "norm of its item vectors" in found.verdict.reasons[0]


def test_worse_answers_are_refused_where_they_are_worse(champion: PreferenceModel) -> None:
    found = tried(champion, spoiled(lambda net: net.trend.neg_()))
    assert not found.verdict.accepted
    assert any(reason.startswith("memory: ") and "worse" in reason for reason in found.verdict.reasons)


def test_few_baskets_set_no_dials(champion: PreferenceModel) -> None:
    assert tried(champion).challenger.report["held_out"] == 0


def test_nan_is_refused(champion: PreferenceModel) -> None:
    found = tried(champion, spoiled(lambda net: net.items.project.weight.fill_(float("nan"))))
    assert not found.verdict.accepted
    assert any("NaN" in reason for reason in found.verdict.reasons)


def test_the_champion_is_as_it_was(champion: PreferenceModel) -> None:
    before = {name: value.clone() for name, value in champion.net.state_dict().items()}
    tried(champion)
    assert all(torch.equal(before[name], value) for name, value in champion.net.state_dict().items())


def without(histories: Histories, person: int) -> Histories:
    rows = histories.keep(histories.person_of_event() != person)
    return replace(rows, offsets=np.delete(rows.offsets, person + 1))


def test_who_is_erased_moves_nobody_elses_place_in_the_anchor() -> None:
    sets = []
    for histories in (KNOWN.histories, without(KNOWN.histories, 7)):
        asked = main_questions(histories)
        chosen = one_each(asked, np.argsort(marks_of(asked)), 100)
        sets.append({*zip(chosen.times.tolist(), chosen.items[chosen.offsets[:-1]].tolist(), strict=True)})
    assert len(sets[0] & sets[1]) >= 98
    assert len({*marks_of(asked).tolist()}) == len(asked)


def test_the_anchor_is_what_no_training_and_no_pass_has_learned(
    champion: PreferenceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[np.ndarray] = []
    monkeypatch.setattr(
        "penchant.learn.continued.Lessons.each",
        lambda lessons, parts, rng, each=Lessons.each: each(
            lessons, (asked.append(marks_of(part)) or part for part in parts), rng
        ),
    )
    assert len(champion.apart) > 100
    learned = learn_on(champion, Pass(KNOWN, SINCE))
    assert asked, "nothing was learned"
    assert not np.isin(np.concatenate(asked), champion.apart).any()
    assert np.isin(champion.apart, learned.apart).all(), "for ever"
    found = attempt(
        champion, KNOWN, next_task(KNOWN.histories, SINCE, RULES), RULES,
        reference=Reference(champion, SINCE), learn=lambda model, job, seed: model,
    )  # fmt: skip
    assert found.verdict.figures["anchor.questions"] == len(champion.apart)
