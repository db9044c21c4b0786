"""`penchant tune`: on validation alone, within its time, again from where it was cut off."""

import itertools
import json
import signal
import time
from dataclasses import asdict
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.app.commands import WITHOUT_LANGUAGE_MODEL, copy_of, end, run, start, wait_for

from penchant.adapters import optuna_search
from penchant.adapters.optuna_search import OptunaSearch
from penchant.app import tuning
from penchant.app.shop import Shop, init_shop
from penchant.app.taking import take_in
from penchant.app.tomltext import block, with_values, write_values
from penchant.app.work import material, model_settings
from penchant.errors import MissingExtra, NotEnoughData, SettingsError, StorageError
from penchant.model.settings import ModelSettings
from penchant.model.space import Choice, Range, search_space
from penchant.settings import TrainSettings, read_settings
from penchant.testing.fakes import FakeTextEncoder

SPACE = {"lr": Range(1e-4, 1e-1, log=True), "dim": Choice((8, 16)), "encoder": Choice(("recurrent", "lstm"))}
OWN = {"lr": 0.002, "dim": 8, "encoder": "recurrent"}


def test_the_names_and_defaults_of_a_shop_are_those_of_the_model() -> None:
    shop, model = msgspec.structs.asdict(TrainSettings()), asdict(ModelSettings())
    model["time_budget"] = model.pop("time_budget_s")
    assert shop == {name: model[name] for name in shop}
    searched = set(search_space(True)) | set(search_space(False))
    assert searched <= set(shop)
    assert all(part.holds(shop[name]) for name, part in search_space(True).items())
    assert all(part.holds(shop[name]) for name, part in search_space(False).items())


def test_every_setting_of_a_shop_reaches_the_model() -> None:
    changed = {
        "lr": 0.01,
        "dropout": 0.3,
        "loss": "full",
        "optimizer": "adagrad",
        "batch": 64,
        "id_decay": 0.1,
    }
    found = asdict(model_settings(TrainSettings(time_budget=9.0, **changed)))
    assert found == asdict(ModelSettings(time_budget_s=9.0, **changed))


def quality(settings) -> float:
    """Best at lr = .01 with 16 dimensions."""
    return 1 - abs(np.log10(settings["lr"]) + 2) / 4 - (0.2 if settings["dim"] == 8 else 0.0)


def searched(file: Path, attempts: int, name: str = "shop") -> OptunaSearch:
    search = OptunaSearch(file, name, SPACE, 0)
    search.first(OWN)
    for _ in range(attempts):
        attempt = search.attempt()
        attempt.finish(quality(attempt.settings))
    return search


def test_a_search_begins_with_what_the_shop_has_and_finds_better(tmp_path) -> None:
    search = searched(tmp_path / "s.jsonl", 25)
    assert search.ended()[0].settings == OWN
    best = search.best()
    assert best.metric == pytest.approx(quality(best.settings))
    assert best.settings["dim"] == 16
    assert 0.004 < best.settings["lr"] < 0.025


def test_a_search_goes_on_and_draws_other_things(tmp_path) -> None:
    first = [found.settings for found in searched(tmp_path / "s.jsonl", 4).ended()]
    again = searched(tmp_path / "s.jsonl", 4)
    found = [found.settings for found in again.ended()]
    assert found[:4] == first
    assert len({json.dumps(one) for one in found}) == 8  # its own settings are not tried again
    assert again.begun() == 8
    assert searched(tmp_path / "s.jsonl", 0, "other").ended() == []


def test_a_process_that_died_leaves_an_attempt_that_counts_for_nothing(tmp_path) -> None:
    searched(tmp_path / "s.jsonl", 0).attempt().report(1, 0.9)
    again = searched(tmp_path / "s.jsonl", 1)
    assert [found.settings for found in again.ended()] == [OWN]


def test_an_attempt_below_the_median_is_given_up(tmp_path) -> None:
    search = OptunaSearch(tmp_path / "s.jsonl", "shop", SPACE, 0)
    for metric in (0.5, 0.6, 0.7, 0.8):
        good = search.attempt()
        assert not any(good.report(epoch, metric) for epoch in (1, 2, 3, 4))
        good.finish(metric)
    bad = search.attempt()
    assert [bad.report(epoch, 0.1) for epoch in (1, 2, 3)] == [False, False, True]
    bad.give_up()
    assert search.given_up() == 1
    assert search.best().metric == 0.8


def test_a_file_that_is_no_search_is_refused_in_one_line(tmp_path) -> None:
    (tmp_path / "s.jsonl").write_text("nonsense\n" * 3)
    with pytest.raises(StorageError, match=r"s\.jsonl cannot be read.*remove the file"):
        searched(tmp_path / "s.jsonl", 1)


def test_without_optuna_the_install_command_is_told(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(optuna_search.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'penchant\[tune\]'"):
        OptunaSearch(tmp_path / "s.jsonl", "shop", SPACE, 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "[train]\nlr = 0.1\ndim = 8\n"),
        ('name = "x"\n', 'name = "x"\n\n[train]\nlr = 0.1\ndim = 8\n'),
        ("[train]\n\n[serve]\nstates = 5\n", "[train]\nlr = 0.1\ndim = 8\n\n[serve]\nstates = 5\n"),
        (
            '# top\n[ train ] # t\n# why\nlr = 1.0 # mine "a"\nseed = 3\n\n[serve]\n',
            "# top\n[ train ] # t\n# why\nlr = 0.1\nseed = 3\ndim = 8\n\n[serve]\n",
        ),
        ("[train]\ndim=32   # wide\n", "[train]\ndim=8   # wide\nlr = 0.1\n"),
    ],
)
def test_values_go_into_their_section_and_the_rest_stays(text, expected) -> None:
    assert with_values(text, "train", {"lr": 0.1, "dim": 8}) == expected


def test_what_cannot_be_changed_by_itself_is_left_and_told(tmp_path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text("train = {lr = 0.5}\n")
    with pytest.raises(SettingsError, match=r"cannot be changed by itself") as refused:
        write_values(path, "train", {"dim": 8})
    assert block("train", {"dim": 8}) in str(refused.value)
    assert path.read_text() == "train = {lr = 0.5}\n"
    assert [p.name for p in tmp_path.iterdir()] == ["shop.toml"]


def shop_in(folder: Path, people: int = 60) -> Path:
    """People who buy item n + 1 after item n, and a settings file with a comment."""
    init_shop(folder)
    with (folder / "shop.toml").open("a", encoding="utf-8") as file:
        file.write("[train]\nmax_epochs = 2 # quick\ndim = 32\nthreads = 1\nlayers = 1\n")
    lines = [
        f"u{u},i{(u * 7 + k) % 30},purchase,{1_700_000_000 + u * 31 + k * 9_000_000}"
        for u in range(people)
        for k in range(6)
    ]
    path = folder.with_name("events.csv")
    path.write_text("\n".join(["user_id,item_id,type,timestamp", *lines]), "utf-8")
    with Shop(folder, writer=True) as shop:
        take_in(shop, [path], lambda what, share: None)
    return folder


@pytest.fixture(scope="module")
def untuned(tmp_path_factory) -> Path:
    return shop_in(tmp_path_factory.mktemp("tune") / "shop")


def test_tuning_sees_nothing_of_the_weeks_on_which_models_are_compared(
    untuned, tmp_path, monkeypatch
) -> None:
    shown, people, now = [], [], itertools.count(0.0, 0.05)

    def watched(histories, *rest, on_progress, **named):
        shown.append((histories, rest[1]))
        people.append(named["attributes"])
        return tuning_train(histories, *rest, on_progress=on_progress, **named)

    tuning_train = tuning.train
    monkeypatch.setattr(tuning, "train", watched)
    with Shop(copy_of(untuned, tmp_path / "shop"), writer=False, encoder=FakeTextEncoder()) as shop:
        given = material(shop, lambda what, share: None)
        cut = tuning.default_cut(given.data.histories)
        found = tuning.tune(shop, given, 0.3, lambda what, share: None, lambda: next(now))
    assert len(shown) >= 2
    assert all(histories.times.max() < cut for histories, _ in shown)
    assert given.data.histories.times.max() > cut
    assert shown[0][1].dim == 32  # the shop's own settings are tried first
    assert all(settings.max_epochs == 2 for _, settings in shown)
    assert all(settings.time_budget_s <= tuning.ATTEMPT_S for _, settings in shown)
    assert found.validation >= found.validation_before > 0
    assert all(known is given.data.attributes for known in people)


def test_a_search_is_another_one_where_more_is_known_of_people(untuned) -> None:
    with Shop(untuned, writer=False, encoder=FakeTextEncoder()) as shop:
        given = material(shop, lambda what, share: None)
    base, space = ModelSettings(), search_space(True)
    before = tuning._name(given.data.histories, given, base, space)
    assert tuning._name(given.data.histories, given, base, space) == before
    for person, known in enumerate(given.data.attributes):
        given.data.attributes[person] = {**known, "country": "AB"[person % 2]}
    assert tuning._name(given.data.histories, given, base, space) != before


def test_without_anything_to_compare_by_it_is_an_error(tmp_path) -> None:
    with Shop(shop_in(tmp_path / "shop", people=1), writer=False, encoder=FakeTextEncoder()) as shop:
        given = material(shop, lambda what, share: None)
        with pytest.raises(NotEnoughData, match="too few people came twice"):
            tuning.tune(shop, given, 0.1, lambda what, share: None, time.monotonic)


@pytest.mark.slow
def test_the_verb_goes_on_applies_and_keeps_comments(untuned, tmp_path) -> None:
    shop = copy_of(untuned, tmp_path / "shop")
    command = ("tune", "--json", "--minutes", "5", "--shop", shop)
    process = start(*command, command=WITHOUT_LANGUAGE_MODEL)
    journal = shop / tuning.JOURNAL
    ended = '"op_code":6'
    wait_for(lambda: journal.exists() and journal.read_text().count(ended) >= 3, process)
    process.send_signal(signal.SIGINT)
    assert end(process).code == 130
    before = read_settings(shop / "shop.toml")
    done = run(
        "tune", "--json", "--minutes", "0.001", "--apply", "--shop", shop, command=WITHOUT_LANGUAGE_MODEL
    )
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["applied"]
    assert found["attempts"] >= 2
    after = read_settings(shop / "shop.toml")
    changed = msgspec.structs.asdict(after.train)
    assert {name: changed[name] for name in found["settings"]} == found["settings"]
    assert msgspec.structs.replace(after, train=before.train) == before
    assert "max_epochs = 2 # quick" in (shop / "shop.toml").read_text()
    assert not (shop / "training").exists()


def test_minutes_are_a_number_above_zero(tmp_path) -> None:
    for wrong in ("0", "-3", "soon", "inf", "nan"):
        assert run("tune", "--minutes", wrong, "--shop", tmp_path).code == 2
