import copy
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
import torch

from penchant.errors import InvalidInput, SnapshotRefused
from penchant.model.breaks import outlived
from penchant.model.dials import openness
from penchant.model.entries import items_of
from penchant.model.histories import histories_of
from penchant.model.records import Record
from penchant.model.saving import save_snapshot
from penchant.model.serving import load_serving
from penchant.model.settings import ModelSettings
from penchant.model.snapshot import read_snapshot, write_snapshot
from penchant.model.tokens import Token
from penchant.model.training import train
from penchant.model.trend import LiveTrend
from penchant.types import EventType

ITEMS, WIDTH = 30, 12


@pytest.fixture(params=["recurrent", "lstm", "cnn", "transformer"])
def trained(request, small, tmp_path):
    """Of each test its own, trained once."""
    folder, made = _trained(request.param, small)
    shutil.copytree(Path(folder.name) / "one", tmp_path / "one")
    serving = load_serving(tmp_path / "one", made["text"], LiveTrend.of(made["data"]), made["prices"])
    return SimpleNamespace(**copy.deepcopy(made), folder=tmp_path / "one", serving=serving)


@cache
def _trained(encoder, small):
    rng, place = np.random.default_rng(0), tempfile.TemporaryDirectory()
    data = histories_of([rng.integers(0, ITEMS - 5, rng.integers(2, 20)).tolist() for _ in range(60)])
    steps = rng.choice([0.0, 60.0, 1799.0, 1800.0, 86_400.0], data.events, p=[0.1, 0.4, 0.2, 0.1, 0.2])
    times = np.concatenate([np.cumsum(part) for part in np.split(steps, data.offsets[1:-1])])
    data = replace(data, times=times)
    text = rng.normal(size=(ITEMS, WIDTH)).astype(np.float32)
    prices = rng.uniform(1, 100, ITEMS).astype(np.float32)
    prices[::7] = np.nan
    settings = replace(small, encoder=encoder, max_epochs=2, memory=5)
    people = [{"country": "BE" if n % 3 else "NL", "age": str(n)} if n % 7 else {} for n in range(60)]
    model = train(data, text, settings, n_items=ITEMS, prices=prices, attributes=people)
    for table in (*model.net.asked.parameters(), model.net.items.price, model.net.tokens.session):
        table.data.normal_(std=0.5)
    model.net.novelty.fill_(0.7)
    model.net.open.copy_(torch.tensor([0.8, -1.5]))
    model.net.items.balance.data.mul_(torch.tensor([[0.5], [2.0]]))
    model.net.items.seat(model.counts)  # whose weights are moved by hand has other neighbours
    folder = Path(place.name) / "one"
    saved = save_snapshot(
        model, folder, id_table_hash="h", id_table_length=ITEMS, log_position=9, metrics={"m": 1.0}
    )
    made = {"data": data, "text": text, "prices": prices, "people": people, "model": model, "manifest": saved}
    return place, made


def tokens(data, person: int) -> list[Token]:
    rows = range(data.offsets[person], data.offsets[person + 1])
    return [Token(int(data.items[i]), int(data.types[i]), float(data.times[i])) for i in rows]


def recorded(history: list[Token]):
    record = Record()
    for token in history:
        record.add(token.item, token.type, token.time)
    return record.memory()


def test_serving_equals_training_however_the_history_is_read(trained) -> None:
    data, serving = trained.data, trained.serving
    ends = data.offsets[1:]
    contexts = SimpleNamespace(
        people=np.arange(60), ends=ends, times=data.times.max() + 1.4e3 * np.arange(1, 61)
    )
    for part, scores in trained.model.score_blocks(data, contexts, 16, attributes=trained.people):
        for person, row in zip(range(part.start, part.stop), scores, strict=True):
            now, history = contexts.times[person], tokens(data, person)
            state = serving.initial()
            for token in history:
                state = serving.step(state, token)
            record = recorded(history)
            read = serving.encode(history)
            about = serving.about(trained.people[person])
            assert about.any() == bool(trained.people[person])
            np.testing.assert_allclose(serving.scores(state, now, record, about), row, rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(serving.scores(read, now, record, about), row, rtol=1e-5, atol=1e-5)
            assert (state.kept, state.place) == (read.kept, read.place)


def test_what_a_break_takes_off_is_off_in_lists(trained, monkeypatch) -> None:
    data, ends = trained.data, trained.data.offsets[1:]
    contexts = SimpleNamespace(people=np.arange(60), ends=ends, times=data.times.max() + 1e5 * np.ones(60))
    found = np.concatenate([scores for _, scores in trained.model.score_blocks(data, contexts, 60)])
    monkeypatch.setattr("penchant.model.scoring.outlived", lambda memory, _: np.zeros(memory.shape))
    without = np.concatenate([scores for _, scores in trained.model.score_blocks(data, contexts, 60)])
    taken = np.zeros(found.shape)
    for person in range(60):
        record = recorded(tokens(data, person))
        taken[person, items_of(record)] = outlived(record[None], contexts.times[person : person + 1])[0]
    assert (taken > 0.01).sum() > 20
    np.testing.assert_allclose(without - found, taken, atol=1e-4)


def test_new_items_are_scored_by_their_text(trained, rng) -> None:
    serving = load_serving(trained.folder, trained.text)
    twin = serving.with_items(trained.text[-1:])
    assert twin.n_items == ITEMS + 1
    np.testing.assert_allclose(twin.vectors()[-1], serving.vectors()[ITEMS - 1], atol=1e-6)
    assert np.allclose(twin.biases(0.0)[-1], serving.biases(0.0)[ITEMS - 1])
    longer = np.concatenate([trained.text, rng.normal(size=(2, WIDTH)).astype(np.float32)])
    assert load_serving(trained.folder, longer).n_items == ITEMS + 2
    with pytest.raises(InvalidInput, match="same text encoder"):
        serving.with_items(np.zeros((1, 3), np.float32))


def test_an_items_price_is_read_with_its_text(trained) -> None:
    text, prices, serving = trained.text, trained.prices, trained.serving
    twins = serving.with_items(text[-2:], prices[-2:])
    np.testing.assert_allclose(twins.vectors()[-2:], serving.vectors()[-2:], atol=1e-6)
    unknown = load_serving(trained.folder, text).vectors()
    sold = trained.model.counts > 0
    assert sold.sum() == ITEMS - 5
    assert (unknown == serving.vectors()).all(1)[sold].tolist() == np.isnan(prices)[sold].tolist()
    rows = np.arange(ITEMS)
    np.testing.assert_allclose(serving.with_texts(rows, text, prices).vectors(), serving.vectors(), atol=1e-6)
    with pytest.raises(InvalidInput, match="one for each of 2 items"):
        serving.with_items(text[-2:], prices[-3:])


def test_what_is_said_without_an_event_is_what_is_said_when_it_never_was(trained) -> None:
    serving, history = trained.serving, tokens(trained.data, 0)[-5:]
    state, now = serving.initial(), history[-1].time + 3e5
    pasts = serving.pasts(state)
    np.testing.assert_allclose(serving.without_each([pasts], now)[0], [serving.h(state, now)], atol=1e-6)
    for known, token in enumerate(history, start=1):
        ((state, pasts),) = serving.step_each([(state, pasts, token)], most=3)
        each = serving.without_each([pasts], now)[0]
        start = serving.encode(history[: max(0, known - 3)])
        again = serving.pasts(start, history[max(0, known - 3) : known])
        np.testing.assert_allclose(serving.without_each([again], now)[0], each, atol=1e-5)
        np.testing.assert_allclose(again.encoder, pasts.encoder, atol=1e-5)
        np.testing.assert_array_equal(again.last, pasts.last)
        np.testing.assert_array_equal(again.place, pasts.place)
        gone = [*range(max(0, known - 3), known), None]
        assert len(each) == len(gone)
        for place, h in zip(gone, each, strict=True):
            kept = [one for n, one in enumerate(history[:known]) if n != place]
            np.testing.assert_allclose(h, serving.h(serving.encode(kept), now), atol=1e-5)


def test_several_people_at_once_are_what_each_is_alone(trained) -> None:
    serving, now = trained.serving, 2e7
    queried = Token(-1, EventType.SEARCH.code, now - 9.0, query=np.ones(WIDTH, np.float32))
    histories = [[*tokens(trained.data, person), *[queried] * (person % 2)] for person in range(5)]
    people = [(serving.initial(), serving.pasts(serving.initial())) for _ in histories]
    for place in range(max(map(len, histories))):
        going = [who for who, history in enumerate(histories) if place < len(history)]
        moved = serving.step_each([(*people[who], histories[who][place]) for who in going], most=4)
        for who, after in zip(going, moved, strict=True):
            people[who] = after
    abouts = [None if who % 2 else serving.about(trained.people[who]) for who in range(5)]
    asked = [(*person, None, about) for person, about in zip(people, abouts, strict=True)]
    together = serving.scores_each(asked, now)
    few = serving.scores_each(asked[:3], now)
    np.testing.assert_allclose(few, together[:3], rtol=1e-5, atol=1e-5)
    for history, (state, _), about, found in zip(histories, people, abouts, together, strict=True):
        alone = serving.encode(history)
        assert (state.kept, state.place, state.last) == (alone.kept, alone.place, alone.last)
        np.testing.assert_allclose(state.encoder, alone.encoder, atol=1e-5)
        np.testing.assert_allclose(found, serving.scores(alone, now, None, about), rtol=1e-5, atol=1e-5)


def test_states_are_not_changed_in_place(trained) -> None:
    serving = load_serving(trained.folder, trained.text)
    state = serving.encode(tokens(trained.data, 0))
    before = serving.scores(state, 1e7)
    serving.step(state, Token(3, 6, 2e6))
    assert (serving.scores(state, 1e7) == before).all()


def test_a_state_is_revived_of_its_numbers_and_its_history(trained) -> None:
    serving = load_serving(trained.folder, trained.text)
    history = tokens(trained.data, 0)
    assert serving.revived(serving.numbers(serving.initial()), []).events == 0
    for length in (1, 2, len(history)):
        state = serving.encode(history[:length])
        again = serving.revived(serving.numbers(state), history[:length])
        assert (again.kept, again.last, again.events, again.place) == (
            state.kept,
            state.last,
            state.events,
            state.place,
        )
        token = Token(7, 2, state.last + 60)
        one, other = serving.step(state, token), serving.step(again, token)
        assert (serving.scores(one, 1e7) == serving.scores(other, 1e7)).all()
        np.testing.assert_allclose(serving.h(again, 1e7), serving.h(state, 1e7), atol=1e-5)


@pytest.mark.parametrize("kind", [2, 6])
def test_a_state_takes_one_kibibyte_however_long_the_history(rng, kind, tmp_path) -> None:
    settings = ModelSettings(max_epochs=1, threads=1, batch=64, memory=29)
    data = histories_of([rng.integers(0, 300, 20).tolist() for _ in range(8)])
    model = train(data, None, settings, n_items=300)
    save_snapshot(model, tmp_path / "one", id_table_hash="h", id_table_length=300, log_position=9)
    serving = load_serving(tmp_path / "one", None)
    state, sizes = serving.initial(), set()
    for n, item in enumerate(rng.integers(0, 300, 600).tolist()):
        state = replace(serving.step(state, Token(item, kind, n * 9e4)), trace=None)
        sizes.add(state.nbytes)
    assert state.events == 600
    assert max(sizes) == state.nbytes <= 1024


def test_what_the_state_forgot_is_known_by_the_record(trained) -> None:
    """Rows that the model does not know say nothing."""
    serving, history = load_serving(trained.folder, trained.text), tokens(trained.data, 0)
    state, record = serving.encode(history), recorded([*history, Token(ITEMS + 3, 6, history[-1].time)])
    rows = items_of(record)
    gone = rows[~np.isin(rows, [*items_of(state.memory).tolist(), ITEMS + 3])]
    assert len(gone)
    change = serving.scores(state, 1e7, record) - serving.scores(state, 1e7)
    never = np.setdiff1d(np.arange(ITEMS), rows)
    lift = float(openness(np.array(len(rows) - 1), np.array(state.events)) @ [0.8, -1.5])
    np.testing.assert_allclose(change[never], lift, atol=1e-5)  # a full state does not tell it
    assert np.median(np.abs(change[gone] - lift)) > 0.05  # one of them may be where it was by chance
    as_new = serving.vectors() @ serving.h(state, 1e7) + serving.biases(1e7) + lift
    part = serving.scores(state, 1e7, record) - as_new
    np.testing.assert_allclose(part[never], 0, atol=1e-5)
    assert (np.abs(part[gone]) > 1e-3).all()
    known = serving.remembered(state, np.arange(ITEMS), record)
    assert np.flatnonzero(~known).tolist() == never.tolist()
    assert not serving.remembered(state, gone).any()


def test_a_click_changes_the_list_at_once(trained) -> None:
    serving = load_serving(trained.folder, trained.text)
    state = serving.encode(tokens(trained.data, 0))
    after = serving.step(state, Token(7, 2, state.last + 60))
    assert not np.allclose(serving.scores(state, after.last), serving.scores(after, after.last))


def test_queries_and_unknown_rows_are_read(trained) -> None:
    serving = load_serving(trained.folder, trained.text)
    search = serving.step(serving.initial(), Token(-1, 1, 0.0, query=trained.text[0]))
    assert search.events == 0
    assert np.isfinite(serving.h(search, 0.0)).all()
    unknown = serving.step(serving.initial(), Token(ITEMS + 4, 6, 0.0))
    assert not len(unknown.memory)


def test_serving_loads_no_torch(trained) -> None:
    code = (
        "import sys, pathlib, numpy as np; from penchant.model.serving import load_serving;"
        f"load_serving(pathlib.Path({str(trained.folder)!r}), np.zeros(({ITEMS}, {WIDTH}), np.float32));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_damaged_foreign_and_newer_snapshots_are_refused(trained) -> None:
    folder = trained.folder
    whole, arrays = read_snapshot(folder)

    def refused(why: str, text=trained.text) -> None:
        with pytest.raises(SnapshotRefused, match=why):
            load_serving(folder, text)

    refused("another shop", trained.text[:-1])
    write_snapshot(
        folder, arrays, msgspec.structs.replace(whole, settings={**whole.settings, "encoder": "who"})
    )
    refused("unknown")
    write_snapshot(folder, arrays, whole)
    manifest = (folder / "manifest.json").read_bytes()
    raw = msgspec.json.decode(manifest)
    (folder / "manifest.json").write_bytes(msgspec.json.encode({**raw, "format": 99}))
    refused("upgrade")
    (folder / "manifest.json").write_bytes(msgspec.json.encode({**raw, "settings": {"encoder": "who"}}))
    refused("damaged")
    (folder / "manifest.json").write_bytes(b"{}")
    refused("not one of Penchant's")
    (folder / "manifest.json").write_bytes(manifest[:20])
    refused("cannot be read")
    (folder / "manifest.json").write_bytes(manifest)
    weights = bytearray((folder / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(bytes(weights))
    refused("checksum")
    (folder / "weights.safetensors").unlink()
    refused("cannot be read")


def test_a_snapshot_replaces_another_as_a_whole(trained) -> None:
    again = save_snapshot(
        trained.model, trained.folder, id_table_hash="h", id_table_length=ITEMS, log_position=10
    )
    assert again.encoder_id == trained.manifest.encoder_id
    assert load_serving(trained.folder, trained.text).manifest.log_position == 10
    assert [p.name for p in trained.folder.parent.iterdir()] == ["one"]
