from dataclasses import replace

import numpy as np
import pytest

from penchant.errors import InvalidInput, NotEnoughData
from penchant.model.calibration import Dials
from penchant.model.entries import items_of
from penchant.model.examples import Questions, Reader, basket_questions, moments
from penchant.model.histories import histories_of
from penchant.model.losses import full_cross_entropy, sampled_cross_entropy
from penchant.model.training import Trainer, train
from penchant.model.validation import hold_out
from penchant.types import EventType


def chains(rng, shuffled: bool = False):
    """Item n is followed by n + 1; the destroyed form has the same items in any order."""
    rows = []
    for start in rng.integers(0, 40, 300):
        row = [int((start + k) % 40) for k in range(6)]
        rows.append(rng.integers(0, 40, 6).tolist() if shuffled else row)
    return histories_of(rows)


@pytest.mark.parametrize("encoder", ["recurrent", "lstm", "cnn", "transformer"])
def test_a_planted_order_is_found(rng, small, encoder) -> None:
    model = train(chains(rng), None, replace(small, encoder=encoder, max_epochs=12), n_items=40)
    assert model.report["validation"] > 0.8


@pytest.mark.parametrize(
    "change", [{"loss": "full"}, {"optimizer": "adagrad", "lr": 0.05}, {"accumulate": 3}]
)
def test_every_loss_and_optimiser_finds_it(rng, small, change) -> None:
    model = train(chains(rng), None, replace(small, max_epochs=12, **change), n_items=40)
    assert model.report["validation"] > 0.8


def test_without_the_pattern_nothing_is_found(rng, small) -> None:
    model = train(chains(rng, shuffled=True), None, replace(small, max_epochs=12), n_items=40)
    assert model.report["validation"] < 0.25


def regulars(rng, destroyed: bool = False):
    """Everybody has three items of their own among 200 and buys nothing else."""
    rows = []
    for _ in range(150):
        mine = rng.choice(200, 3, replace=False)
        rows.append((rng.integers(0, 200, 14) if destroyed else rng.choice(mine, 14)).tolist())
    return histories_of(rows)


def test_repeats_are_learned_from_the_data(rng, small) -> None:
    assert train(regulars(rng), None, small, n_items=200).report["validation"] > 0.5
    assert train(regulars(rng, destroyed=True), None, small, n_items=200).report["validation"] < 0.15


def browsers(rng, destroyed: bool = False):
    """Who looked at item n among 0 to 19 looks at n + 1 next, or buys item 20 + n: one event of four."""
    rows = []
    for start in rng.integers(0, 20, 180):
        looked = [int((start + k) % 20) for k in range(9)]
        bought = rng.integers(20, 40) if destroyed else 20 + looked[-1]
        rows.append([*looked, int(bought)])
    histories = histories_of(rows)
    view, buy = EventType.VIEW.code, EventType.PURCHASE.code
    return replace(histories, types=np.where(histories.items < 20, view, buy).astype(np.int8))


def test_purchases_are_asked_for_and_views_teach(rng, small) -> None:
    settings = replace(small, max_epochs=12)
    model = train(browsers(rng), None, settings, n_items=40)
    assert model.report["validation"] > 0.9
    asked = moments(np.array([0]), np.array([5]), np.array([6 * 86_400.0]))
    data = browsers(rng)
    _, scores = next(model.score_blocks(data, asked))
    # Nobody ever bought after five views: which purchase goes with the last of them only views can teach.
    assert scores[0][20:].argmax() == data.items[4]
    assert train(browsers(rng, destroyed=True), None, settings, n_items=40).report["validation"] < 0.5


def test_windows_that_carry_state_find_the_order_too(rng, small) -> None:
    rows = [[int((start + k) % 40) for k in range(30)] for start in rng.integers(0, 40, 60)]
    model = train(histories_of(rows), None, replace(small, short=5, window=7, max_epochs=20), n_items=40)
    assert model.report["validation"] > 0.8


def test_same_seed_same_model(rng, small) -> None:
    data = chains(rng)
    one, two = (train(data, None, replace(small, max_epochs=2), n_items=40) for _ in range(2))
    assert one.report["validation"] == two.report["validation"]
    assert all((a == b).all() for a, b in zip(one.net.parameters(), two.net.parameters(), strict=True))


def test_an_interrupted_run_goes_on_to_the_same_end(rng, small, tmp_path) -> None:
    data, short = chains(rng), replace(small, max_epochs=4)
    whole = train(data, None, short, n_items=40)

    def stop(progress) -> None:
        if progress.epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, None, short, n_items=40, on_progress=stop, checkpoint=tmp_path / "run")
    epochs = []
    model = train(
        data,
        None,
        short,
        n_items=40,
        on_progress=lambda p: epochs.append(p.epoch),
        checkpoint=tmp_path / "run",
    )
    assert min(epochs) == 3
    assert model.report["validation"] == whole.report["validation"]


def test_a_checkpoint_of_other_data_is_not_resumed(rng, small, tmp_path) -> None:
    short = replace(small, max_epochs=1)
    train(chains(rng), None, short, n_items=40, checkpoint=tmp_path / "run")
    epochs = []
    train(
        chains(rng),
        None,
        short,
        n_items=40,
        checkpoint=tmp_path / "run",
        on_progress=lambda p: epochs.append(p.epoch),
    )
    assert epochs


def test_no_events_and_wrong_rows_are_refused(small) -> None:
    with pytest.raises(NotEnoughData, match="import more"):
        train(histories_of([[]]), None, small, n_items=3)
    with pytest.raises(InvalidInput, match="item row 7"):
        train(histories_of([[7, 1]]), None, small, n_items=3)
    with pytest.raises(InvalidInput, match="text vectors"):
        train(histories_of([[1, 2]]), np.zeros((2, 4), np.float32), small, n_items=3)


def test_the_predicted_basket_is_not_in_the_memory(rng) -> None:
    data = regulars(rng)
    questions = basket_questions(data)
    for batch in Reader(data, 8).windows(questions, 7, 5, rng):
        ends, people = questions.ends[batch.questions], questions.people[batch.questions]
        assert (batch.events == ends - data.offsets[people]).all()
        for row, end, person in zip(batch.memory, ends, people, strict=True):
            before = set(data.items[data.offsets[person] : end].tolist())
            assert set(items_of(row).tolist()) - {-1} == before


def test_every_question_is_read_once_in_both_forms(rng) -> None:
    data = chains(rng)
    questions = basket_questions(data)
    reader = Reader(data, 8)
    for batches in (reader.prefixes(questions, 32, 4, rng), reader.windows(questions, 32, 4, rng)):
        asked = np.concatenate([batch.questions for batch in batches])
        assert (np.sort(asked) == np.arange(len(questions))).all()


def test_held_out_baskets_are_the_last_ones(rng) -> None:
    questions = basket_questions(chains(rng))
    kept, held = hold_out(questions, np.ones(len(questions), bool), 50, rng)
    assert len(held) == 50
    assert len(kept) + len(held) == len(questions)
    for person, end in zip(held.people, held.ends, strict=True):
        assert questions.ends[questions.people == person].max() == end


def test_losses_refuse_shapes_that_do_not_fit() -> None:
    import torch

    one = torch.zeros(1, dtype=torch.long)
    with pytest.raises(InvalidInput, match="shapes"):
        full_cross_entropy(torch.zeros(3), one, one)
    with pytest.raises(InvalidInput, match="shapes"):
        sampled_cross_entropy(
            torch.zeros(2, 1), torch.zeros(1, 3), torch.zeros(3), one, one, weight=torch.ones(1)
        )


def test_long_histories_have_a_dropout_of_their_own(rng, small) -> None:
    rows = [rng.integers(0, 9, 12).tolist() for _ in range(8)]
    settings = replace(small, dropout=0.5, dropout_long=0.2)
    for short, share in ((20, 0.5), (5, 0.2)):
        trainer = Trainer(histories_of(rows), None, replace(settings, short=short), 9, None)
        assert trainer.net.tokens.drop.p == share


def test_dials_weigh_a_held_out_basket_by_how_often_its_person_asks(rng, small, monkeypatch) -> None:
    data = histories_of([rng.integers(0, 9, count).tolist() for count in (4, 7, 12, 5)])
    told = {}

    def watched(_answers, items, _trend, held_out, *, discovery, frequency):
        told.update(people=held_out.people, frequency=frequency)
        return Dials(items.personal, 1.0, discovery, items.trend, items.open)

    monkeypatch.setattr("penchant.model.dialling.calibrate", watched)
    train(data, None, replace(small, max_epochs=1), n_items=9)
    np.testing.assert_array_equal(told["frequency"], data.lengths()[told["people"]])


def last_left_out(data):
    """Histories without each person's last event, and that event as a question."""
    ends = data.offsets[1:] - 1
    kept = data.keep(~np.isin(np.arange(data.events), ends))
    people = np.arange(data.people)
    count = np.arange(data.people + 1)
    return kept, Questions(people, kept.offsets[1:], data.times[ends], count, data.items[ends])


def test_given_moments_stop_the_training_and_everything_else_trains(rng, small) -> None:
    kept, asked = last_left_out(chains(rng))
    trainer = Trainer(kept, None, small, 40, None, asked)
    assert len(trainer.questions) == len(basket_questions(kept))
    model = train(kept, None, replace(small, max_epochs=12), n_items=40, held_out=asked)
    assert model.report["validation"] > 0.8
    wrong = replace(asked, items=((asked.items + 7) % 40).astype(np.int32))
    misled = train(kept, None, replace(small, max_epochs=12), n_items=40, held_out=wrong)
    assert misled.report["validation"] < 0.5
    assert misled.report["epochs"] < 12  # nothing got better by these


def test_of_many_moments_as_many_are_asked_as_wanted(rng, small) -> None:
    kept, asked = last_left_out(chains(rng))
    some = Trainer(kept, None, replace(small, validation=20), 40, None, asked).held_out
    assert len(some) == 20
    assert (np.diff(some.people) > 0).all()
    assert (some.items == asked.items[some.people]).all()
    again = Trainer(kept, None, replace(small, validation=20), 40, None, asked).held_out
    assert (some.people == again.people).all()


def test_a_checkpoint_of_other_moments_is_not_resumed(rng, small, tmp_path) -> None:
    kept, asked = last_left_out(chains(rng))
    epochs = []
    for held_out in (asked, asked.take(np.arange(100)), asked.take(np.arange(100))):
        seen = []
        train(
            kept,
            None,
            replace(small, max_epochs=1),
            n_items=40,
            held_out=held_out,
            checkpoint=tmp_path / "run",
            on_progress=lambda p, seen=seen: seen.append(p.epoch),
        )
        epochs.append(bool(seen))
    assert epochs == [True, True, False]


def test_moments_that_do_not_fit_are_refused(rng, small) -> None:
    kept, asked = last_left_out(chains(rng))
    wrong = {
        "no moment": asked.take(np.arange(0)),
        "people beyond": replace(asked, people=asked.people + 1),
        "outside of its person": replace(asked, ends=asked.ends + 1),
        "answers name items": replace(asked, items=asked.items + 40),
    }
    for why, held_out in wrong.items():
        with pytest.raises(InvalidInput, match=why):
            train(kept, None, small, n_items=40, held_out=held_out)
