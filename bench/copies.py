"""Trained shops that are measured one after the other, each on a copy."""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def measured_shops(given: list[str], result: Path, measure: Callable[[Path], Any]) -> dict[str, Any]:
    """What ``measure`` finds of each ``NAME=FOLDER``, by name, written to ``result`` after each.

    Of shops that are not measured now the figures stay.
    """
    found = json.loads(result.read_text(encoding="utf-8")) if result.exists() else {}
    for one in given:
        name, folder = one.split("=", 1)
        with tempfile.TemporaryDirectory() as room:
            copy = shutil.copytree(folder, Path(room) / "shop", ignore=shutil.ignore_patterns("*.lock"))
            found[name] = measure(copy)
        result.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return found
