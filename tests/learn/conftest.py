"""A shop with a first model, trained once; each test has a copy."""

import shutil
from pathlib import Path

import pytest
from tests.learn import tiny_shop

from penchant.app.shop import Shop
from penchant.testing.fakes import FakeTextEncoder


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_shop.make(tmp_path_factory.mktemp("shops") / "made")


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Shop, "encoder", FakeTextEncoder())
    return Path(shutil.copytree(made, tmp_path / "shop"))
