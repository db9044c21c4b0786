"""LightGBM, where it is installed: an extra that several rooms use."""

import importlib
import importlib.util
from typing import Any

from penchant.errors import MissingExtra


def installed() -> bool:
    """Whether LightGBM and SciPy, which it reads, are there."""
    return all(importlib.util.find_spec(name) is not None for name in ("lightgbm", "scipy"))


def library(need: str, extra: str = "ranking") -> Any:
    """LightGBM, imported only where it is needed. ``need`` begins what is told where it is missing.

    Raises:
        MissingExtra: it is not installed.
    """
    if not installed():
        raise MissingExtra(f"{need} LightGBM: pip install 'penchant[{extra}]'")
    return importlib.import_module("lightgbm")
