"""Training that is stopped, killed, refused room or run twice: it goes on, and ends as if undisturbed."""

import json
import re
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.app.commands import WITHOUT_LANGUAGE_MODEL, Ended, copy_of, end, run, start, wait_for

from penchant.app.shop import Shop, init_shop
from penchant.app.taking import take_in

pytestmark = pytest.mark.slow
SETTINGS = "[train]\ndim = 16\nlayers = 1\nmax_epochs = 6\npatience = 6\nthreads = 1\n"
"""All six epochs, whichever is the best: which one that is differs from processor to processor."""


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with events and settings, as every case copies it."""
    folder = tmp_path_factory.mktemp("shops") / "untrained"
    init_shop(folder)
    with (folder / "shop.toml").open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    lines = [
        f"u{u},i{(u * 7 + k) % 90},purchase,{1_700_000_000 + u * 31 + k * 90_000}"
        for u in range(200)
        for k in range(12)
    ]
    path = folder.with_name("events.csv")
    path.write_text("\n".join(["user_id,item_id,type,timestamp", *lines]), "utf-8")
    with Shop(folder, writer=True) as shop:
        take_in(shop, [path], lambda what, share: None)
    return folder


def train(shop: Path, **more: object) -> Ended:
    return run("train", "--json", "--shop", shop, command=WITHOUT_LANGUAGE_MODEL, **more)


def started(shop: Path) -> "subprocess.Popen[str]":
    return start("train", "--json", "--shop", shop, command=WITHOUT_LANGUAGE_MODEL)


def weights(ended: Ended) -> str:
    assert ended.code == 0, ended.err
    return json.loads(ended.out)["checksums"]["weights.safetensors"]


def epochs_kept(shop: Path) -> int:
    """Epochs in the checkpoint."""
    try:
        return int(json.loads((shop / "training" / "state.json").read_text())["epoch"])
    except FileNotFoundError:
        return 0


def begins_with(ended: Ended) -> int:
    """The epoch that a run began with."""
    found = re.search(r"^training: epoch (\d+)", ended.err, re.MULTILINE)
    assert found is not None, ended.err
    return int(found.group(1))


@pytest.fixture(scope="module")
def undisturbed(untrained: Path) -> str:
    """Checksum of the weights that training ends with when nobody disturbs it."""
    ended = train(copy_of(untrained, untrained.with_name("undisturbed")))
    assert begins_with(ended) == 1
    assert not (untrained.with_name("undisturbed") / "training").exists()
    return weights(ended)


@pytest.fixture
def shop(untrained: Path, tmp_path: Path) -> Path:
    return copy_of(untrained, tmp_path / "shop")


def test_ctrl_c_at_many_moments_then_it_goes_on_to_the_same_end(shop: Path, undisturbed: str) -> None:
    kept = 0
    for moment, more in ((1, 0.0), (2, 0.15), (4, 0.4)):
        process = started(shop)
        wait_for(lambda at=moment: epochs_kept(shop) >= at, process)
        time.sleep(more)
        process.send_signal(signal.SIGINT)
        ended = end(process)
        assert ended.code == 130
        assert "stopped; what was done so far is kept" in ended.line
        assert begins_with(ended) == kept + 1
        assert ("goes on after epoch" in ended.err) == (kept > 0)
        kept = epochs_kept(shop)
        assert kept >= moment
    last = train(shop)
    assert f"training goes on after epoch {kept}, from its checkpoint" in last.err
    assert begins_with(last) == kept + 1
    assert weights(last) == undisturbed
    assert not (shop / "training").exists()


def test_killed_it_goes_on_from_its_checkpoint(shop: Path, undisturbed: str) -> None:
    process = started(shop)
    wait_for(lambda: epochs_kept(shop) >= 3, process)
    process.kill()
    assert end(process).code == -signal.SIGKILL
    kept = epochs_kept(shop)
    last = train(shop)
    assert begins_with(last) == kept + 1
    assert weights(last) == undisturbed


def test_a_checkpoint_of_other_settings_is_one_line_and_training_starts_anew(
    shop: Path, undisturbed: str
) -> None:
    process = started(shop)
    wait_for(lambda: epochs_kept(shop) >= 1, process)
    process.kill()
    end(process)
    text = (shop / "shop.toml").read_text("utf-8")
    (shop / "shop.toml").write_text(text.replace("dim = 16", "dim = 24"), "utf-8")
    last = train(shop)
    said = [line for line in last.err.splitlines() if "checkpoint" in line]
    assert said == [
        "the training checkpoint does not fit: the data or the settings have changed since. "
        "Training starts anew."
    ]
    assert begins_with(last) == 1
    assert weights(last) != undisturbed


def test_a_second_training_is_refused_in_one_line_and_the_first_goes_on(shop: Path, undisturbed: str) -> None:
    first = started(shop)
    wait_for(lambda: epochs_kept(shop) >= 1, first)
    first.send_signal(signal.SIGSTOP)
    second = train(shop)
    first.send_signal(signal.SIGCONT)
    assert second.code == 1
    assert f"process {first.pid} is training on this shop" in second.line
    assert weights(end(first)) == undisturbed


def test_without_room_for_a_checkpoint_it_is_one_line_and_the_model_that_serves_stays(
    shop: Path, undisturbed: str
) -> None:
    weights(train(shop))
    with Shop(shop, writer=False) as opened:
        serving = opened.shelf.current()
    room = 65_536
    ended = train(shop, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)))
    assert ended.code == 1
    assert "cannot write training" in ended.line
    with Shop(shop, writer=False) as opened:
        assert opened.shelf.current() == serving
        assert opened.shelf.names() == [serving]
    assert weights(train(shop)) == undisturbed
    shutil.rmtree(shop)
