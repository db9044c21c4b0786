"""What follows from the size of a shop."""

from dataclasses import replace

import numpy as np
import pytest

from penchant.model.examples import basket_questions
from penchant.model.histories import histories_of
from penchant.model.settings import ModelSettings
from penchant.model.sizes import EPOCH_STEPS, LEAST_ASKED, MOST_STEPS, Sizes
from penchant.model.training import Trainer, train


def sizes(people: int, events: int, n_items: int = 1000, **changes) -> Sizes:
    data = histories_of([[0] * events] * people)
    return Sizes.of(data, basket_questions(data), n_items, ModelSettings(**changes))


def test_a_large_shop_has_the_batches_of_the_settings() -> None:
    assert sizes(30_000, 5).batch == 512
    assert sizes(30_000, 5).passes == 1
    assert sizes(2_000, 120).batch == 4 * 512 // 50
    assert sizes(30_000, 5).share == sizes(2_000, 120).share == 1


@pytest.mark.parametrize(("people", "events"), [(10, 3), (60, 4), (300, 6), (12, 300), (60, 300)])
def test_small_shops_have_enough_steps_between_validations(rng, people, events) -> None:
    rows = [rng.integers(0, 30, events).tolist() for _ in range(people)]
    trainer = Trainer(histories_of(rows), None, ModelSettings(dim=4, layers=1, memory=4, threads=1), 30, None)
    steps = sum(against is not None for _, _, against in trainer._batches())
    assert EPOCH_STEPS <= steps <= 3 * EPOCH_STEPS


def test_a_batch_is_never_larger_than_the_settings_say() -> None:
    assert sizes(60, 4, batch=7).batch == 7


def test_of_a_huge_shop_an_epoch_is_a_part_that_is_drawn_anew(rng) -> None:
    for events, batch in ((5, 4), (150, 50)):
        found = sizes(5_000, events, batch=batch)
        data = histories_of([[0] * events] * 5_000)
        questions = basket_questions(data)
        one, two = found.part(questions, rng), found.part(questions, rng)
        assert found.share < 1
        assert len(one) == pytest.approx(found.share * len(questions), rel=0.01)
        assert not np.array_equal(one.ends, two.ends)
        if not found.short:
            # Whoever is read is asked all questions: reading is what costs.
            assert set(np.bincount(one.people)) == {0, events}
        steps = len(one) / found.batch if found.short else len(set(one.people.tolist())) * 3 / found.batch
        assert steps == pytest.approx(MOST_STEPS, rel=0.05)


def test_validation_asks_less_where_there_are_many_items() -> None:
    assert sizes(30_000, 5, n_items=12_000).asked > 5_000
    assert LEAST_ASKED < sizes(30_000, 5, n_items=100_000).asked < 5_000
    assert sizes(30_000, 5, n_items=10**6).asked == LEAST_ASKED
    assert sizes(30_000, 5, n_items=10**6).dialled == 1_000


def test_as_many_are_asked_as_it_says_and_always_the_same(rng, small) -> None:
    rows = [rng.integers(0, 9, 4).tolist() for _ in range(40)]
    trainer = Trainer(histories_of(rows), None, small, 9, None)
    trainer.sizes = replace(trainer.sizes, asked=7, dialled=11)
    asked = []
    trainer_asked = trainer._asked
    trainer._asked = lambda most: asked.append(trainer_asked(most)) or asked[-1]
    trainer.validate(), trainer.validate(), trainer._calibrate()
    assert [len(questions) for questions in asked] == [7, 7, 11]
    np.testing.assert_array_equal(asked[0].people, asked[1].people)


def followers(rng, destroyed: bool = False):
    """60 people with 4 events: item n is followed by n + 1."""
    starts = rng.integers(0, 20, 60)
    rows = [[int((start + k) % 20) for k in range(4)] for start in starts]
    return histories_of([rng.permutation(20)[:4].tolist() for _ in rows] if destroyed else rows)


@pytest.mark.slow
def test_a_shop_of_sixty_people_learns_with_the_defaults_within_seconds(rng) -> None:
    settings = ModelSettings(threads=1)
    found = train(followers(rng), None, settings, n_items=20).report
    nothing = train(followers(rng, destroyed=True), None, settings, n_items=20).report
    assert found["validation"] > 0.7
    assert nothing["validation"] < 0.5
    assert found["seconds"] < 60
