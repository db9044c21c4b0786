"""The command: what it offers exists, help is quick, and one error is one line."""

import argparse
import subprocess
import sys
from importlib import import_module
from typing import get_args

import msgspec
import pytest

from penchant import cli
from penchant.app.serving import Serving
from penchant.app.shop import Shop, init_shop
from penchant.evaluate.ab.report import METRICS
from penchant.evaluate.run import PROTOCOLS
from penchant.events.sources import TABLES
from penchant.settings import ExperimentSettings
from penchant.testing.fakes import FakeTextEncoder


def offered(parser: argparse.ArgumentParser | None = None, above: str = "") -> dict[str, str]:
    """Verbs as people type them → functions; of a verb with actions each action."""
    found: dict[str, str] = {}
    (choices,) = (action.choices for action in (parser or cli.parser())._actions if is_verbs(action))
    for name, made in choices.items():
        if any(map(is_verbs, made._actions)):
            found |= offered(made, f"{above}{name} ")
        else:
            found[above + name] = made.get_default("verb")
    return found


def is_verbs(action: argparse.Action) -> bool:
    return isinstance(action, argparse._SubParsersAction)


def test_every_verb_that_is_offered_exists() -> None:
    assert {"import", "train", "serve", "doctor", "campaigns fit", "stock orders"} <= offered().keys()
    for place in offered().values():
        module, _, function = place.partition(":")
        assert callable(getattr(import_module(f"penchant.verbs.{module}"), function))


@pytest.mark.parametrize(
    ("verb", "not_needed"),
    [("shop", "torch matplotlib"), ("serve", "torch matplotlib"), ("model", "matplotlib lightgbm sympy")],
)
def test_a_verb_waits_only_for_the_libraries_it_needs(verb: str, not_needed: str) -> None:
    code = f"import sys, penchant.verbs.{verb}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not set(not_needed.split()) & set(loaded.split())


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


def test_too_little_memory_is_one_line(monkeypatch, capsys) -> None:
    def starving(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("penchant.cli._verb", lambda _: starving)
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().err.startswith("penchant: there is not enough memory")


def test_a_list_of_what_is_popular_says_why_it_is_not_personal(monkeypatch, tmp_path, capsys) -> None:
    shop = tmp_path / "shop"
    init_shop(shop)
    monkeypatch.setattr(Shop, "encoder", FakeTextEncoder())
    assert cli.main(["recommend", "anna", "--shop", str(shop)]) == 0
    assert "no model yet" in capsys.readouterr().err
    found = {"ready": False, "reasons": ["text vectors have another shape"], "fallback": False}
    monkeypatch.setattr(Serving, "readiness", lambda _: found)
    assert cli.main(["recommend", "anna", "--shop", str(shop)]) == 0
    said = capsys.readouterr().err
    assert "text vectors have another shape" in said
    assert "no model yet" not in said


def test_the_command_knows_every_protocol_of_the_evaluation() -> None:
    assert tuple(cli._PROTOCOLS) == PROTOCOLS


def test_the_command_knows_every_table_of_files() -> None:
    assert tuple(cli._TABLES) == TABLES


def test_the_command_knows_every_metric_of_experiments() -> None:
    assert [metric.name for metric in METRICS] == cli._METRICS
    (choices,) = [
        field.type for field in msgspec.structs.fields(ExperimentSettings) if field.name == "metric"
    ]
    assert list(get_args(choices)) == cli._METRICS
