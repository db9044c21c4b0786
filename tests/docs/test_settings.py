"""Settings: the page names them all, and a wrong one is refused when they are read."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penchant import settings
from penchant.errors import SettingsError
from penchant.model.encoders import ENCODERS
from penchant.settings import Settings, parse_settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def defaults(of: msgspec.Struct, section: str = "") -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    for name in of.__struct_fields__:
        value = getattr(of, name)
        found |= defaults(value, name) if isinstance(value, msgspec.Struct) else {(section, name): value}
    return found


def documented() -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    section = ""
    row = re.compile(r"^\| (?:`\[(\w+)\]` )?\| `(\w+)` \| `(.+?)` \| \S.* \|$", re.MULTILINE)
    for head, name, default in row.findall(PAGE.read_text(encoding="utf-8")):
        section = head or section
        found[section, name] = tomllib.loads(f"x = {default}")["x"]
    return found


def test_the_page_has_every_setting_with_its_default() -> None:
    assert documented() == defaults(Settings())


def test_an_encoder_that_nobody_knows_is_refused_when_settings_are_read() -> None:
    with pytest.raises(SettingsError, match=r"unknown encoder 'foo': choose one of recurrent, lstm"):
        parse_settings("[train]\nencoder = 'foo'")


def test_the_settings_know_every_encoder() -> None:
    assert set(settings.ENCODERS) == set(ENCODERS)
