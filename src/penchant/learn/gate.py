"""The promotion gate: may a challenger take the place of the champion? Pure decisions over arrays.

**The test.** On each window the loss 1 - mean(challenger) / mean(champion) is measured on the same questions,
with its standard error over people. Refusing only what is *significantly worse* would let everything through
when little is known, so the gate turns it round: a loss must be shown to be *below the margin*
(a test of non-inferiority). All windows must pass, and no correction for testing several is due: the chance
to accept what is too bad on any one of them is no higher than that of a single test (Berger, "Multiparameter
hypothesis testing and acceptance sampling", Technometrics 24(4), 1982). In figures, what is allowed is

    loss <= max(margin - z(level) * error, min(margin, z(passing) * error))

The first is the test. With few people it would refuse nearly every equal challenger, and learning would
stop; so the second is always allowed: what an equal challenger stays within ``passing`` of the time, though
never a measured loss above the margin. The verdict says which of the two it was, and how many people would
be enough. Below ``least`` people nothing is decided, and the champion stays.

**The anchor.** A fixed set of old questions on which the challenger is compared with the last full retrain,
not with the champion: steps that are each not much worse add up there. Its margin is tight, so it needs more
people than a window: at a correlation of 0.8 between the models and three questions a person, about 35,000.
With 10,000 such people 50 challengers in a row that each lose .5% took 2.8% on average before the anchor
stopped them, and 4% in the worst of 60 chains; with 40,000 it held at 2% in 59 of 60 (2.5% in the other).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite
from statistics import NormalDist
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from penchant.errors import InvalidInput
from penchant.learn.vitals import VitalLimits, Vitals, vital_faults
from penchant.metrics import PairedLoss, paired_loss
from penchant.settings import Positive

Floats = NDArray[np.float64]
Part = Literal["newest", "memory", "anchor"]
Margin = Annotated[float, Meta(gt=0.0, lt=1.0)]
Chance = Annotated[float, Meta(ge=0.5, lt=1.0)]

_NORMAL = NormalDist()


class GateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the gate lets through.

    Attributes:
        margin: loss on the newest window and on the memory that is too much, 0.05 is 5%.
        anchor_margin: the same on the anchor, against the last full retrain.
        level: how sure it must be, one-sided, that a loss is below its margin. anchor_level: the same on the
            anchor; higher, for one anchor is asked again and again, and chance has as many tries.
        passing: chance that an equal challenger passes a part even if there is too little evidence for that;
            0.5 allows only what measures no worse.
        least: effective people in each part; with fewer nothing is decided.
        cheap_margin: measured loss that the cheap gate allows. cheap_least: questions that it needs to
            look at it.
        vitals: how far vitals may be from the champion's.
    """

    margin: Margin = 0.05
    anchor_margin: Margin = 0.02
    level: Chance = 0.975
    anchor_level: Chance = 0.995
    passing: Chance = 0.975
    least: Positive = 300
    cheap_margin: Margin = 0.1
    cheap_least: Positive = 100
    vitals: VitalLimits = VitalLimits()

    def test_of(self, part: Part) -> tuple[float, float]:
        """Margin and level of one part of the evidence."""
        return (self.anchor_margin, self.anchor_level) if part == "anchor" else (self.margin, self.level)


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The same Q questions answered by two models.

    Attributes:
        name: the part of the evidence.
        champion: (Q,) NDCG@10 (or another quality, 0 or more) of the champion; on the anchor, of the last
            full retrain. NaN for a question without an answer that could be right.
        challenger: (Q,) of the challenger, NaN for the same questions.
        people: (Q,) who asked, any integers.
    """

    name: Part
    champion: Floats
    challenger: Floats
    people: NDArray[np.integer]

    def __post_init__(self) -> None:
        lengths = [len(self.champion), len(self.challenger), len(self.people)]
        if len(set(lengths)) > 1:
            raise InvalidInput(f"{self.name}: two values and a person are needed a question, got {lengths}")


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate decided; kept as JSON beside the snapshot.

    Attributes:
        accepted: the challenger may serve.
        reasons: in plain words with figures; of a refusal what was wrong, else what was found.
        figures: ``part.figure`` → value, all finite: ``people``, ``effective``, ``questions``, ``champion``
            and ``challenger`` (means), ``loss``, ``error``, ``allowed``, ``confidence`` (that the true loss
            is below the margin), ``enough`` (people for a test of full strength); and ``vitals.coverage``,
            ``vitals.norm``, ``vitals.score``, the last two medians.
    """

    accepted: bool
    reasons: tuple[str, ...]
    figures: dict[str, float]


def judge(
    evidence: Sequence[Evidence], champion: Vitals, challenger: Vitals, settings: GateSettings | None = None
) -> Verdict:
    """The full gate, before a snapshot is promoted.

    Args:
        evidence: the newest window, and the memory and the anchor where the shop is old enough to have them;
            each name once.
        champion: vitals of what serves.
        challenger: vitals of what would.
        settings: of the gate.

    Returns:
        The verdict; without evidence on the newest window it is a refusal.

    Raises:
        InvalidInput: a name twice.

    >>> fine = Vitals(finite=True, norms=(1.0, 2.0, 3.0), scores=(-1.0, 0.0, 1.0), coverage=0.4)
    >>> ndcg = np.tile([0.0, 0.0, 0.5], 400)
    >>> newest = Evidence("newest", ndcg, 0.9 * ndcg, np.arange(1200))
    >>> judge([newest], fine, fine).reasons[0][:58]
    'newest: 10.0% worse than the champion (0.1500 after 0.1667'
    """
    settings = settings or GateSettings()
    names = [part.name for part in evidence]
    if len(set(names)) < len(names):
        raise InvalidInput(f"each part of the evidence may come once, got {names}")
    faults = vital_faults(champion, challenger, settings.vitals)
    if "newest" not in names:
        faults.append("there is no evidence on the newest window")
    found = [_judged(part, settings) for part in evidence]
    faults += [part.words for part in found if not part.passed]
    figures = _vital_figures(challenger) | {k: v for part in found for k, v in part.figures.items()}
    return Verdict(
        accepted=not faults, reasons=tuple(faults or [part.words for part in found]), figures=figures
    )


def cheap_gate(
    held_out: Evidence, champion: Vitals, challenger: Vitals, settings: GateSettings | None = None
) -> Verdict:
    """The gate for row deltas every few seconds: vitals, and the measured loss on a small held-out window.

    The loss is taken as measured, with a wide margin: it stops what breaks, not what is a little worse; that
    is for :func:`judge`. So ``champion`` must be the last promoted snapshot and not the last delta, or small
    losses would add up unseen. With fewer than ``cheap_least`` questions the vitals decide alone.

    >>> fine = Vitals(finite=True, norms=(1.0, 2.0, 3.0), scores=(-1.0, 0.0, 1.0), coverage=0.4)
    >>> none = Evidence("newest", np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64))
    >>> cheap_gate(none, fine, fine).reasons
    ('newest: 0 questions are too few to look at, 100 are needed; only the vitals were',)
    """
    settings = settings or GateSettings()
    faults = vital_faults(champion, challenger, settings.vitals)
    found = _glanced(held_out, settings)
    faults += [] if found.passed else [found.words]
    figures = _vital_figures(challenger) | found.figures
    return Verdict(accepted=not faults, reasons=tuple(faults or [found.words]), figures=figures)


def allowed_loss(error: float, margin: float, level: float, passing: float) -> tuple[float, bool]:
    """The measured loss that passes, and whether passing shows the true one to be below the margin.

    Args:
        error: standard error of the loss.
        margin: loss that is too much.
        level: how sure passing by the test makes, one-sided.
        passing: chance of an equal challenger to pass without it.

    >>> [round(allowed_loss(error, 0.05, 0.975, 0.975)[0], 4) for error in (0.0, 0.01, 0.02, 0.1)]
    [0.05, 0.0304, 0.0392, 0.05]
    """
    proven = margin - _NORMAL.inv_cdf(level) * error
    spared = min(margin, _NORMAL.inv_cdf(passing) * error)
    return max(proven, spared), proven >= spared


@dataclass(frozen=True, slots=True)
class _Finding:
    """What one part of the evidence says."""

    passed: bool
    words: str
    figures: dict[str, float]


def _judged(part: Evidence, settings: GateSettings) -> _Finding:
    """One part against the test of the module's docstring."""
    kept = _measured(part)
    if isinstance(kept, _Finding):
        return kept
    if not len(kept.people):
        return _Finding(False, f"{part.name}: no question could be measured", {})
    found, (margin, level) = _loss(kept), settings.test_of(part.name)
    if found.effective < settings.least:
        words = (
            f"{part.name}: {found.people:,} people, worth {found.effective:,.0f} who ask equally often, "
            f"are too few to decide, {settings.least:,} are needed; take a longer window"
        )
        return _Finding(False, words, _figures(part.name, found))
    allowed, proven = allowed_loss(found.error, margin, level, settings.passing)
    enough = _enough(found, margin, level, settings.passing)
    words = _words(part.name, found, allowed)
    if not proven:
        words += f"; too few people to tell {margin:.0%}, about {enough:,.0f} would be enough"
    more = {"allowed": allowed, "confidence": _confidence(found, margin), "enough": enough}
    return _Finding(found.value <= allowed, words, _figures(part.name, found, more))


def _glanced(part: Evidence, settings: GateSettings) -> _Finding:
    """One part by its measured loss alone."""
    kept = _measured(part)
    if isinstance(kept, _Finding):
        return kept
    asked = len(kept.people)
    if asked < settings.cheap_least:
        few = f"{asked} questions are too few to look at, {settings.cheap_least} are needed"
        return _Finding(True, f"{part.name}: {few}; only the vitals were", {})
    found, allowed = _loss(kept), settings.cheap_margin
    figures = _figures(part.name, found, {"allowed": allowed})
    return _Finding(found.value <= allowed, _words(part.name, found, allowed), figures)


def _measured(part: Evidence) -> Evidence | _Finding:
    """The questions with two values; a finding if one model has a value and the other has none."""
    old, new = np.isfinite(part.champion), np.isfinite(part.challenger)
    for name, lacking in (("challenger", old & ~new), ("champion", new & ~old)):
        if lacking.any():
            words = f"{part.name}: the {name} has no number for {lacking.sum():,} of {len(old):,} questions"
            return _Finding(False, words, {})
    return Evidence(part.name, part.champion[old], part.challenger[old], part.people[old])


def _loss(part: Evidence) -> PairedLoss:
    return paired_loss(part.champion, part.challenger, part.people)


def _words(name: Part, found: PairedLoss, allowed: float) -> str:
    """``newest: 1.2% worse than the champion (...)``."""
    direction = "worse" if found.value >= 0 else "better"
    other = "last full retrain" if name == "anchor" else "champion"
    return (
        f"{name}: {abs(found.value):.1%} {direction} than the {other} ({found.second:.4f} after "
        f"{found.first:.4f}, error {found.error:.1%}, {found.people:,} people); "
        f"a loss of {allowed:.1%} is allowed"
    )


def _figures(name: Part, found: PairedLoss, more: dict[str, float] | None = None) -> dict[str, float]:
    figures = {
        "people": float(found.people),
        "effective": found.effective,
        "questions": float(found.questions),
        "champion": found.first,
        "challenger": found.second,
        "loss": found.value,
        "error": found.error,
    } | (more or {})
    return {f"{name}.{key}": value for key, value in figures.items() if isfinite(value)}


def _vital_figures(found: Vitals) -> dict[str, float]:
    return {
        "vitals.coverage": found.coverage,
        "vitals.norm": found.norms[0],
        "vitals.score": found.scores[1],
    }


def _confidence(found: PairedLoss, margin: float) -> float:
    """One-sided, that the true loss is below the margin."""
    if not found.error:
        return float(found.value <= margin)
    return _NORMAL.cdf((margin - found.value) / found.error)


def _enough(found: PairedLoss, margin: float, level: float, passing: float) -> float:
    """People like these with whom the test itself lets an equal challenger through ``passing`` often."""
    strength = _NORMAL.inv_cdf(level) + _NORMAL.inv_cdf(passing)
    wanted = found.people * (strength * found.error / margin) ** 2
    return float(ceil(wanted)) if isfinite(wanted) else wanted
