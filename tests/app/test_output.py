"""What verbs say: bars, lines without a terminal, files, keys."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from penchant import cli
from penchant.app import work
from penchant.app.bars import share_done, training_bar
from penchant.app.output import progress, say
from penchant.app.shop import init_shop
from penchant.model.training import Progress

WHEN = "2023-11-14T22:13:20Z"


def at(epoch: int, metric: float | None, seconds: float = 10.0) -> Progress:
    return Progress(epoch=epoch, epochs=4, step=7, loss=5.25, metric=metric, seconds=seconds)


def test_without_a_terminal_training_is_a_line_for_each_validation(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress() as told:
        tell = training_bar(told, 100.0)
        for step in (at(1, None), at(1, None), at(1, 0.125), at(2, None), at(2, 0.25, 20.4)):
            tell(step)
    assert capsys.readouterr().err.splitlines() == [
        "training: epoch 1, loss 5.250",
        "training: epoch 1, loss 5.250, validation NDCG@10 0.1250, 10 s",
        "training: epoch 2, loss 5.250, validation NDCG@10 0.2500, 20 s",
    ]


def test_the_bar_follows_time_and_epochs_whichever_is_further() -> None:
    assert share_done(at(1, None, 30.0), 100.0) == 0.3
    assert share_done(at(2, None, 10.0), 100.0) == 0.25
    assert share_done(at(2, 0.1, 10.0), 100.0) == 0.5
    assert share_done(at(2, None, 900.0), 100.0) == 1.0
    assert share_done(at(2, None, 900.0), None) == 0.25


@pytest.mark.parametrize("place", ["none/there.json", ".", "shop.toml/there.json"])
def test_a_file_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    (tmp_path / "shop.toml").touch()
    folder = tmp_path / "shop"
    assert cli.main(["init", "--shop", str(folder), "--json-file", str(tmp_path / place)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "--json-file" in line
    assert not folder.exists()


def test_a_file_that_may_not_be_written_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    assert cli.main(["init", "--shop", str(tmp_path / "shop"), "--json-file", str(tmp_path / "f")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_the_result_is_printed_though_the_file_fails_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    asked = ["init", "--shop", str(tmp_path / "shop"), "--json", "--json-file", str(tmp_path / "f.json")]
    assert cli.main(asked) == 1
    told = capsys.readouterr()
    assert json.loads(told.out) == {"shop": str(tmp_path / "shop")}
    assert "No space left" in told.err


def test_the_file_is_written_though_nobody_reads_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Left:
        def write(self, _: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

    kept = tmp_path / "f.json"
    monkeypatch.setattr("sys.stdout", Left())
    with pytest.raises(BrokenPipeError):
        say(argparse.Namespace(json=True, json_file=kept), {"found": 1})
    assert json.loads(kept.read_bytes()) == {"found": 1}


def test_evaluate_says_where_its_page_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Nothing:
        def json(self) -> bytes:
            return b"{}"

    shop = tmp_path / "shop"
    init_shop(shop)
    monkeypatch.setattr(work, "material", lambda *_: None)
    monkeypatch.setattr(work, "compare", lambda *_: Nothing())
    assert cli.main(["evaluate", "--shop", str(shop), "--json"]) == 0
    told = capsys.readouterr()
    assert (told.out.strip(), told.err) == ("{}", f"as a page: {shop / 'reports' / 'evaluation.html'}\n")


@pytest.fixture
def keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """The verb ``keys`` of a new shop: exit code, standard output and error."""
    shop = tmp_path / "shop"
    init_shop(shop)

    def ask(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["keys", *arguments, "--shop", str(shop)])
        return code, *capsys.readouterr()

    return ask


def test_keys_say_what_is_missing(keys: Any) -> None:
    code, _, told = keys("create")
    assert (code, told) == (1, "penchant: a key needs a scope: say --scope and one of events, read, admin\n")
    code, _, told = keys("revoke")
    assert (code, told) == (1, "penchant: say which key to revoke: `penchant keys list` shows their ids\n")


def test_keys_tell_people_their_times_and_programs_their_numbers(keys: Any) -> None:
    assert keys("list")[1] == "no keys yet\n"
    keys("create", "--scope", "read", "--scope", "events")
    (listed,) = json.loads(keys("list", "--json")[1])
    assert isinstance(listed["created"], float)
    told = keys("list")[1]
    assert "scopes: events, read\n" in told
    assert "revoked: no" in told
    assert str(listed["created"]) not in told
    keys("revoke", listed["id"])
    times = [
        line.split(": ")[1] for line in keys("list")[1].splitlines() if line[:7] in {"created", "revoked"}
    ]
    assert [(len(time), time[4], time[10], time[-1]) for time in times] == [(len(WHEN), "-", "T", "Z")] * 2
