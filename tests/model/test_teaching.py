from copy import deepcopy
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from penchant.errors import InvalidInput
from penchant.model import teaching
from penchant.model.examples import Questions, basket_questions, moments
from penchant.model.histories import histories_of
from penchant.model.settings import ModelSettings
from penchant.model.soft_targets import divergence
from penchant.model.teaching import Teaching
from penchant.model.training import Trainer, train
from penchant.model.validation import hold_out, kept_apart, marks_of

ITEMS = 12


def chains(rng, shuffled: bool = False):
    """Item n is followed by n + 1; the destroyed form has the same items in any order."""
    rows = []
    for start in rng.integers(0, ITEMS, 120):
        row = [int((start + k) % ITEMS) for k in range(6)]
        rows.append(rng.integers(0, ITEMS, 6).tolist() if shuffled else row)
    return histories_of(rows)


def what_would_follow(histories) -> Questions:
    """After each person's last event the next item: what nobody took, and only a teacher can know."""
    people, last = np.arange(histories.people), histories.items[histories.offsets[1:] - 1]
    times = histories.times[histories.offsets[1:] - 1] + 86_400.0
    offsets = np.arange(histories.people + 1)
    return Questions(people, histories.offsets[1:], times, offsets, ((last + 1) % ITEMS).astype(np.int32))


def share_of_next(model) -> float:
    """How often the item after the last one of a chain is the best of those that were not just taken."""
    rows = [[(n + k) % ITEMS for k in range(3)] for n in range(ITEMS)]
    histories = histories_of(rows)
    asked = moments(np.arange(ITEMS), histories.offsets[1:], np.full(ITEMS, 4 * 86_400.0))
    _, scores = next(model.score_blocks(histories, asked))
    scores = scores.copy()
    scores[np.arange(ITEMS)[:, None], rows] = -np.inf
    return float((scores.argmax(1) == (np.arange(ITEMS) + 3) % ITEMS).mean())


SMALL = ModelSettings(
    dim=16, layers=1, dropout=0.0, lr=0.01, max_epochs=3, batch=64, memory=8, text_dim=8, threads=1
)


def taught_by(teacher, noise):
    return train(
        noise, None, replace(SMALL, dim=8, max_epochs=4),
        n_items=ITEMS, held_out=what_would_follow(noise), teacher=teacher,
    )  # fmt: skip


@pytest.fixture(scope="module")
def teacher():
    return train(chains(np.random.default_rng(0)), None, SMALL, n_items=ITEMS)


def test_a_student_learns_what_only_its_teacher_knows(rng, teacher) -> None:
    before = deepcopy(teacher.net.state_dict())
    noise = chains(rng, shuffled=True)
    assert share_of_next(taught_by(teacher, noise)) > 0.7
    assert all((teacher.net.state_dict()[name] == value).all() for name, value in before.items())
    of_noise = train(noise, None, SMALL, n_items=ITEMS)
    assert share_of_next(taught_by(of_noise, noise)) < 0.5


def lessons_of(teacher, histories, **change):
    settings = replace(teacher.settings, **change)
    trainer = Trainer(histories, None, settings, ITEMS, None)
    net = deepcopy(teacher.net)
    net.undial()
    lessons = replace(trainer.lessons, net=net)
    return net, trainer, list(islice(lessons.each([trainer.questions], trainer.rng), 4))


@pytest.mark.parametrize("change", [{}, {"short": 2, "window": 4}, {"loss": "full"}])
def test_who_says_the_same_has_nothing_to_learn(rng, teacher, change, monkeypatch) -> None:
    monkeypatch.setattr(teaching, "CANDIDATES", 7)
    histories = chains(rng)
    net, trainer, lessons = lessons_of(teacher, histories, **change)
    taught = Teaching.of(teacher, histories, trainer.questions, rng)
    other = Teaching.of(teacher, histories, trainer.questions, rng)
    other.h.copy_(other.h.roll(1, 0))  # what it says at another question
    for lesson in lessons:
        assert abs(taught.loss(net, lesson).item()) < 1e-4
        assert other.loss(net, lesson).item() > 1e-2


def test_of_many_questions_it_speaks_of_some(rng, teacher, monkeypatch) -> None:
    monkeypatch.setattr(teaching, "TAUGHT", 5)
    histories = chains(rng)
    net, trainer, lessons = lessons_of(teacher, histories)
    taught = Teaching.of(teacher, histories, trainer.questions, rng)
    assert len(taught.ends) == 5
    assert all(abs(taught.loss(net, lesson).item()) < 1e-4 for lesson in lessons)
    none = replace(taught, ends=taught.ends + histories.events)
    assert none.loss(net, lessons[0]).item() == 0


def test_a_teacher_of_fewer_items_is_refused(teacher) -> None:
    with pytest.raises(InvalidInput, match="the teacher knows 12 items"):
        train(histories_of([[1, 2, 40], [3, 40, 5]]), None, SMALL, n_items=50, teacher=teacher)


def test_what_was_kept_apart_from_a_teacher_is_kept_apart_from_its_student(rng) -> None:
    histories = chains(rng)
    # Each at a moment of its own: marks tell times and items, nothing else.
    questions = basket_questions(replace(histories, times=3_600.0 * np.arange(histories.events)))
    everything = np.ones(len(questions), bool)
    _, before = hold_out(questions, everything, 30, rng)
    trained, held = hold_out(questions, everything, 30, np.random.default_rng(9), marks_of(before))
    assert (held.ends == before.ends).all()
    assert not np.isin(before.ends, trained.ends).any()
    assert len(trained) + len(held) == len(questions)
    fewer, some = hold_out(questions, everything, 7, rng, marks_of(before))
    assert (len(some), len(fewer)) == (7, len(trained))
    _, other = hold_out(questions, everything, 30, rng, np.zeros(0, np.uint32))
    assert len(other) == 30


def test_who_may_have_been_learned_from_is_not_taken_for_one_kept_apart() -> None:
    # Two people take item 5 on the same day, which one of them was held out from a teacher.
    questions = basket_questions(histories_of([[1, 5], [2, 5], [3, 4]]))
    apart = marks_of(questions.take(np.array([1, 5])))
    assert np.flatnonzero(kept_apart(questions, apart)).tolist() == [5]
    trained, held = hold_out(questions, np.ones(6, bool), 9, np.random.default_rng(0), apart)
    assert (trained.items.tolist(), held.items.tolist()) == ([1, 2, 3], [4])


def test_scores_of_other_shapes_are_refused() -> None:
    with pytest.raises(InvalidInput, match="do not fit"):
        divergence(torch.zeros(2, 3), torch.zeros(2, 4))
