"""Odd names of shops, files and people at the command line: one line, and nothing but the shop is touched."""

import time
from pathlib import Path

import pytest

from penchant.app.shop import init_shop
from penchant.cli import main

ODD = ["../../../../etc", "/etc/passwd", "/dev/null", "a\0b", "x" * 5_000, "s/../../../../../etc/passwd"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    init_shop(Path("s"))
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of an error, which came soon."""
    begun = time.monotonic()
    assert main(arguments) == 1
    assert time.monotonic() - begun < 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("penchant: ")]
    return line


@pytest.mark.parametrize("name", ODD)
def test_what_is_no_shop_no_snapshot_and_no_file(
    place: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    main(["export-events", "--shop", "s"])  # what a verb loads is loaded
    before = sorted(place.rglob("*"))
    for arguments in (
        ["export-events", "--shop", name],
        ["snapshots", "promote", name, "--shop", "s"],
        ["keys", "revoke", name, "--shop", "s"],
        ["import", name, "--shop", "s"],
    ):
        told(capsys, *arguments)
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "/etc/passwd", "%2e%2e%2f", "x" * 5_000])
def test_a_person_may_be_called_like_a_path(place: Path, name: str) -> None:
    for person in ("anna", name):
        before = sorted(place.rglob("*"))
        for verb in ("export-user", "taste"):
            assert main([verb, person, "--shop", "s"]) == 0
    assert sorted(place.rglob("*")) == before
