"""Detectors of a changed mean by ``river``."""

import importlib
import importlib.util
import math
from typing import Any

from penchant.errors import InvalidInput, MissingExtra
from penchant.learn.drift import Detector

_INSTALL = "install it with: pip install 'penchant[drift]'"
_CLASSES = {"adwin": "ADWIN", "page-hinkley": "PageHinkley", "kswin": "KSWIN"}
_CHOSEN: dict[str, dict[str, Any]] = {
    "adwin": {"delta": 1e-3, "clock": 1, "min_window_length": 3},
    "page-hinkley": {"threshold": 6.0, "delta": 0.5, "min_instances": 3},
    # KSWIN draws from its window: without a seed the same log would bring other alarms.
    "kswin": {"alpha": 1e-4, "window_size": 60, "stat_size": 15, "seed": 0},
}
"""For scores in standard deviations of a block. Page-Hinkley's were chosen by ``bench/drift.py``."""


class _OfRiver:
    """A detector that keeps to the port: river's own goes on from an alarm by itself."""

    def __init__(self, kind: Any, parameters: dict[str, Any]) -> None:
        self._kind, self._parameters = kind, parameters
        self.reset()

    def update(self, value: float) -> bool:
        if not math.isfinite(value):
            raise InvalidInput(f"a detector takes finite numbers, got {value}")
        self._detector.update(value)
        return bool(self._detector.drift_detected)

    def reset(self) -> None:
        self._detector = self._kind(**self._parameters)


def make_detector(among: int = 1, name: str = "page-hinkley", **parameters: float) -> Detector:
    """A new detector by name: ``adwin``, ``page-hinkley`` or ``kswin``.

    ADWIN: Bifet and Gavaldà, SDM 2007. Page-Hinkley: Page, Biometrika 1954. KSWIN: Raab et al.,
    Neurocomputing 2020. ``parameters`` are river's, over the ones that were chosen for drift detection here.
    ``among`` detectors have together about as many false alarms as one alone (Bonferroni).

    Raises:
        MissingExtra: river is not installed.
        InvalidInput: there is no detector of that name, or it has no such parameter.

    >>> moved = [0.0] * 30 + [3.0] * 10
    >>> for among in (1, 100):
    ...     detector = make_detector(among)
    ...     print([detector.update(value) for value in moved].index(True))
    32
    34
    """
    if name not in _CLASSES:
        raise InvalidInput(f"no detector {name!r}; there are {', '.join(_CLASSES)}")
    try:
        kept = _among(among, name, {**_CHOSEN[name], **parameters})
        return _OfRiver(getattr(_drift(), _CLASSES[name]), kept)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"detector {name}: {error}") from error


def _among(among: int, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters of one of ``among`` detectors.

    The time to a false alarm of a cumulative sum grows with exp(2 · delta · threshold) (Siegmund,
    Sequential Analysis, 1985).
    """
    if name == "page-hinkley":
        higher = math.log(among) / (2 * parameters["delta"])
        return {**parameters, "threshold": parameters["threshold"] + higher}
    chance = "delta" if name == "adwin" else "alpha"
    return {**parameters, chance: parameters[chance] / among}


def _drift() -> Any:
    if importlib.util.find_spec("river") is None:
        raise MissingExtra(f"drift detection needs river; {_INSTALL}")
    return importlib.import_module("river.drift")
