from dataclasses import replace

import numpy as np
import pytest
import torch

from penchant.errors import InvalidInput, SnapshotRefused
from penchant.evaluate.recommender import Contexts
from penchant.model.histories import histories_of
from penchant.model.loading import load_model, model_of
from penchant.model.saving import STATEFUL, arrays_of, save_snapshot
from penchant.model.serving import load_serving
from penchant.model.snapshot import encoder_id_of
from penchant.model.training import train

ITEMS, WIDTH, SOLD = 30, 12, 25


@pytest.fixture
def trained(rng, small):
    data = histories_of([rng.integers(0, SOLD, rng.integers(2, 20)).tolist() for _ in range(60)])
    text = rng.normal(size=(ITEMS, WIDTH)).astype(np.float32)
    prices = rng.uniform(1, 100, ITEMS).astype(np.float32)
    prices[::7] = np.nan
    people = [{"country": "BE" if n % 3 else "NL"} for n in range(60)]
    model = train(data, text, replace(small, max_epochs=2), n_items=ITEMS, prices=prices, attributes=people)
    return data, text, prices, people, model


def scores(model, data, people, items=ITEMS):
    ends = data.offsets[1:]
    contexts = Contexts(np.arange(len(ends)), ends, np.full(len(ends), data.times.max() + 9e3))
    return np.concatenate([part for _, part in model.score_blocks(data, contexts, attributes=people)])[
        :, :items
    ]


def test_what_was_saved_comes_back(trained) -> None:
    data, text, prices, people, model = trained
    again = model_of(arrays_of(model), model.settings, ITEMS, text, prices)
    np.testing.assert_allclose(scores(again, data, people), scores(model, data, people), rtol=1e-5, atol=1e-5)
    assert (again.counts == model.counts).all()
    one, other = arrays_of(model), arrays_of(again)
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_allclose(other[name], one[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_more_items_than_there_were_are_new_ones(trained, rng) -> None:
    data, text, prices, people, model = trained
    longer = np.concatenate([text, text[-1:]])
    grown = model_of(arrays_of(model), model.settings, ITEMS + 1, longer, np.append(prices, prices[-1]))
    found = scores(grown, data, people, ITEMS + 1)
    np.testing.assert_allclose(found[:, :ITEMS], scores(model, data, people), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found[:, -1], found[:, ITEMS - 1], rtol=1e-5)


def test_only_what_matters_is_seated(trained) -> None:
    """The others that nobody took are read by their text and price alone."""
    _, text, prices, _, model = trained
    some = model_of(arrays_of(model), model.settings, ITEMS, text, prices, seated=np.array([3, SOLD]))
    rows = [one.net.items.folded()[0] for one in (model, some)]
    assert np.abs(rows[0][SOLD + 1 :]).max() > 1e-3
    assert not rows[1][SOLD + 1 :].any()
    np.testing.assert_allclose(rows[1][: SOLD + 1], rows[0][: SOLD + 1], atol=1e-6)


def test_what_comes_after_the_state_is_another_models_and_leaves_states_alone(trained, tmp_path) -> None:
    """Scores of the item move; the encoder is the same, until scores and tokens read the same again."""
    data, text, prices, people, model = trained
    before, stateful = scores(model, data, people), encoder_id_of(arrays_of(model), STATEFUL)
    moved = model_of(arrays_of(model), model.settings, ITEMS, text, prices)
    with torch.no_grad():
        moved.net.items.free_output()[3] = 0.4
    after = scores(moved, data, people)
    assert np.flatnonzero((np.abs(after - before) > 1e-4).any(0)).tolist() == [3]
    saved = save_snapshot(moved, tmp_path / "one", id_table_hash="h", id_table_length=ITEMS, log_position=1)
    assert saved.encoder_id == stateful
    serving = load_serving(tmp_path / "one", text, None, prices)
    assert np.flatnonzero((serving.vectors() != load_of(model, text, prices, tmp_path)).any(1)).tolist() == [
        3
    ]
    again = load_model(tmp_path / "one", ITEMS, text, prices)
    np.testing.assert_allclose(scores(again, data, people), after, rtol=1e-5, atol=1e-5)
    again.net.items.fold_output()
    assert encoder_id_of(arrays_of(again), STATEFUL) != stateful


def load_of(model, text, prices, folder):
    save_snapshot(model, folder / "two", id_table_hash="h", id_table_length=ITEMS, log_position=1)
    return load_serving(folder / "two", text, None, prices).vectors()


def test_what_does_not_fit_is_refused(trained, tmp_path) -> None:
    _, text, prices, _, model = trained
    save_snapshot(model, tmp_path / "one", id_table_hash="h", id_table_length=ITEMS, log_position=1)
    with pytest.raises(SnapshotRefused, match="another shop"):
        load_model(tmp_path / "one", ITEMS - 1, text[:-1], prices[:-1])
    with pytest.raises(InvalidInput, match="one row for each"):
        load_model(tmp_path / "one", ITEMS, text[:-1], prices)
    with pytest.raises(InvalidInput, match="same text encoder"):
        load_model(tmp_path / "one", ITEMS, text[:, :3], prices)
