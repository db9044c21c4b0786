"""The command: what it offers exists, help is quick, and one error is one line."""

import subprocess
import sys

import pytest

from penchant import cli, verbs


def offered() -> dict[str, str]:
    """Verbs as people type them → functions."""
    (choices,) = (action.choices for action in cli.parser()._actions if action.choices)
    needed = {"keys": "list", "snapshots": "list", "recommend": "anna", "taste": "anna"}
    needed |= {"export-user": "anna", "erase-user": "anna"}
    return {name: cli.parser().parse_args([name, *needed.get(name, "").split()]).verb for name in choices}


def test_every_verb_that_is_offered_exists() -> None:
    assert {"import", "train", "serve", "doctor"} <= offered().keys()
    for function in offered().values():
        assert callable(getattr(verbs, function))


def test_help_loads_no_libraries() -> None:
    code = "import sys; from penchant.cli import parser; parser().format_help(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"torch", "numpy", "duckdb", "rich"} & set(loaded.split())


@pytest.mark.parametrize("arguments", [["doctor"], ["import"], ["train"], ["export-user", "anna"]])
def test_without_a_shop_there_is_one_line(tmp_path, capsys, arguments) -> None:
    assert cli.main([*arguments, "--shop", str(tmp_path / "none")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("penchant: ")
