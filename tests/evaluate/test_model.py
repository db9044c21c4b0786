"""The preference model under evaluation."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from evaluation_worlds import shop, training

from penchant.errors import InvalidInput, NotTrained
from penchant.evaluate.baselines import Popular
from penchant.evaluate.model import Preference, validation_moments
from penchant.evaluate.protocols import leave_one_out, time_split
from penchant.evaluate.recommender import Contexts, ItemTable, Training
from penchant.evaluate.run import Plan, evaluate
from penchant.evaluate.summary import Sampling
from penchant.model.settings import ModelSettings
from penchant.model.training import train

SMALL = ModelSettings(dim=8, layers=1, max_epochs=2, memory=8, negatives=16, threads=1)


def test_it_is_evaluated_like_any_other() -> None:
    found = evaluate(shop(), ItemTable(30), [Preference(SMALL), Popular()], Plan(sampling=Sampling(draws=20)))
    assert 0 < found.models["recurrent"]["ndcg@10"].value <= 1
    assert "recurrent - popular" in found.differences


def test_nothing_after_the_moment_changes_a_score() -> None:
    histories = shop(3)
    split = time_split(histories)
    model = Preference(SMALL)
    model.fit(training(split.train, 30))
    contexts = split.questions.contexts
    whole = np.concatenate([s.copy() for _, s in model.score_blocks(histories, contexts, 4)])
    person_of = histories.person_of_event()
    for row in range(0, len(contexts), 5):
        person, end, moment = contexts.people[row], contexts.ends[row], contexts.times[row]
        mine = person_of == person
        known = np.where(mine, np.arange(histories.events) < end, histories.times < moment)
        past = histories.keep(known)
        one = Contexts(np.array([person]), past.offsets[[person + 1]], np.array([moment]))
        scores = next(iter(model.score_blocks(past, one, 4)))[1][0]
        assert scores == pytest.approx(whole[row], abs=1e-4)


def test_asking_before_fitting_is_an_error() -> None:
    with pytest.raises(NotTrained, match="call fit"):
        Preference(SMALL).score_blocks(shop(), time_split(shop()).questions.contexts, 4)


def test_a_model_that_was_trained_before_is_compared_as_it_is() -> None:
    histories = shop()
    cut = float(np.quantile(histories.times, 0.8))
    model = train(histories.before(cut), None, SMALL, n_items=30)
    before = {name: value.clone() for name, value in model.net.state_dict().items()}
    plan = Plan(cut=cut, sampling=Sampling(draws=20))
    found = evaluate(histories, ItemTable(30), [Preference(trained=model), Popular()], plan)
    fitted = evaluate(histories, ItemTable(30), [Preference(SMALL), Popular()], plan)
    assert all(torch.equal(value, before[name]) for name, value in model.net.state_dict().items())
    assert found.models["recurrent"] == fitted.models["recurrent"]


def left_out(histories):
    split = leave_one_out(histories)
    return split, Training(split.train, ItemTable(30), split.target, split.full, split.validation)


def test_validation_is_asked_where_training_ends_and_names_what_came_next() -> None:
    split, given = left_out(shop(2))
    found = validation_moments(given)
    asked = split.validation.contexts
    assert found is not None
    assert (found.people == asked.people).all()
    assert (found.ends == split.train.offsets[asked.people + 1]).all()
    assert (found.times == split.full.times[asked.ends]).all()
    assert (found.items == split.full.items[asked.ends]).all()
    assert np.diff(found.offsets).tolist() == [1] * len(asked)
    assert validation_moments(replace(given, validation=None)) is None


def test_validation_that_does_not_follow_upon_training_is_refused() -> None:
    split, given = left_out(shop(2))
    with pytest.raises(InvalidInput, match="person row 0 has"):
        validation_moments(replace(given, histories=split.train.keep(np.arange(split.train.events) > 0)))


def test_leave_one_out_hands_the_model_all_of_its_training_part(monkeypatch) -> None:
    split, given = left_out(shop(2))
    told = {}

    def watched(histories, *rest, held_out, **named):
        told.update(histories=histories, held_out=held_out)
        return train(histories, *rest, held_out=held_out, **named)

    monkeypatch.setattr("penchant.evaluate.model.train", watched)
    Preference(SMALL).fit(given)
    assert told["histories"] is split.train
    assert (told["held_out"].items == split.full.items[split.validation.contexts.ends]).all()
