"""The page of settings names them all."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from penchant.settings import Settings

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
        assert (section, name) not in found, f"[{section}] {name} is there twice"
        found[section, name] = tomllib.loads(f"x = {default}")["x"]
    return found


def test_the_page_has_every_setting_with_its_default() -> None:
    assert documented() == defaults(Settings())
