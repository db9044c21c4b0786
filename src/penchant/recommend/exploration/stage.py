"""Exploration where lists are made: places that are drawn, and the chance of every place."""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penchant.recommend.exploration.chances import rivals, stays
from penchant.recommend.exploration.learned import Learned
from penchant.recommend.request import Ranked, Request, Spare
from penchant.recommend.rules.plan import Plan
from penchant.recommend.variety.exposure import OFF_THE_RECORD
from penchant.settings import ExplorationSettings
from penchant.taste.wished import any_wished
from penchant.types import Pseudonym, Reason

TRIED: Final = Reason(kind="tried")

LEARNED: Final = 0.1
"""Variance of log θ below which nothing is left to learn of an item: its appeal is known to a third."""

BOLD: Final = 9.0
"""What the variances of candidates count for: as if we were three times as unsure of them. Widened, they find
sooner what is good (Agrawal and Goyal, "Thompson sampling for contextual bandits with linear payoffs", 2013,
widen theirs for the proof); what it costs is in decision record 35."""

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


class Values(NamedTuple):
    """What C items are worth to a person on the logarithmic scale of scores, as far as is known."""

    rows: Rows
    scores: Floats
    means: Doubles
    variances: Doubles

    def at(self, places: Rows | slice) -> "Values":
        """Some of them."""
        return Values(self.rows[places], self.scores[places], self.means[places], self.variances[places])


class Exploration:
    """Gives a share of a placement's places to candidates that are not in the list.

    A list is cut into as many blocks of neighbouring places as it has places to give, rounded up, and the
    candidates are dealt out to the blocks. In each block a place, all alike, is drawn with the chance that
    makes up the share. Its item keeps it with the chance that it is better than all candidates of which
    something is left to learn; else one of those has it, each with the chance that it is the best (Thompson
    sampling of score and appeal). Or any candidate has it, all alike. What is drawn in one block has nothing
    to do with another, so the propensity of each place is a product of known numbers.

    Nobody is explored with who is not known or opted out of experiments (``allows``). What a rule put there,
    and what the person wishes, is not touched, and no limit of a rule is passed. Limits and floors of
    ``[variety]`` hold over many lists and are not asked here: what is drawn counts in them, so that later
    lists make up for it.
    """

    def __init__(
        self,
        settings: ExplorationSettings,
        learned: Learned,
        allows: Callable[[Pseudonym], bool],
        takers: Callable[[Rows, float], Doubles],
        rng: np.random.Generator,
    ) -> None:
        """``takers`` says how many people took each of rows (C,) at a time (unix seconds)."""
        self._settings = settings
        self._learned = learned
        self._allows = allows
        self._takers = takers
        self._rng = rng
        self._lock = Lock()

    @property
    def candidates(self) -> int:
        """How many, beside those of the list, are needed."""
        return self._settings.candidates

    def share(self, placement: str) -> float:
        """Of the placement's places."""
        if placement in OFF_THE_RECORD:
            return 0.0
        return self._settings.placements.get(placement, self._settings.share)

    def explored(self, request: Request, ranked: Ranked, spare: Spare) -> tuple[Ranked, Sequence[float]]:
        """The list and the propensity of each place, given all that is known before anything is drawn."""
        chances, shown = [1.0] * len(ranked), list(ranked)
        placement, person = request.wanted.placement, request.person
        share = self.share(placement)
        if not share or person is None or not len(spare.rows) or not self._allows(person):
            return shown, chances
        count = int(np.ceil(share * len(ranked) - 1e-9))
        kept = any_wished(request.wishes, request.view)
        free = np.array(
            [n for n, (row, _, reason) in enumerate(ranked) if reason.kind != "rule" and not kept[row]]
        )
        listed, candidates = self._values(request, ranked, _fitting(request, ranked, spare, kept, count))
        for number, places in enumerate(np.array_split(free.astype(np.int64), count)):
            others = candidates.at(slice(number, None, count))
            if not len(places) or not len(others.rows):
                continue
            often = share * len(ranked) / count / len(places)
            stay, chosen = self._chances(listed.at(places), others)
            for place, keeps in zip(places.tolist(), stay.tolist(), strict=True):
                chances[place] = 1 - often * (1 - keeps)
            at, one = self._drawn(often * (1 - stay), chosen)
            if at is not None:
                place = int(places[at])
                shown[place] = int(others.rows[one]), float(others.scores[one]), TRIED
                chances[place] = float(often * (1 - stay[at]) * chosen[one])
        return shown, chances

    def _values(self, request: Request, ranked: Ranked, spare: Spare) -> tuple[Values, Values]:
        """Of the items of the list, and of candidates of which something is left to learn."""
        rows = np.array([*(row for row, _, _ in ranked), *spare.rows.tolist()], np.int64)
        scores = np.array([*(score for _, score, _ in ranked), *spare.scores.tolist()], np.float32)
        takers = self._takers(rows, request.now)
        means, variances = self._learned.appeal(request.wanted.placement, rows, takers)
        found = Values(rows, scores, means + scores, variances)
        open_ = np.flatnonzero((variances > LEARNED) | (self._settings.method == "uniform"))
        return found.at(slice(len(ranked))), found.at(open_[open_ >= len(ranked)])

    def _chances(self, held: Values, others: Values) -> tuple[Doubles, Doubles]:
        """Of each place that its item keeps it where it is drawn, and of each candidate where it does not."""
        if self._settings.method == "uniform":
            return np.zeros(len(held.rows)), np.full(len(others.rows), 1 / len(others.rows))
        found = rivals(others.means, BOLD * others.variances)
        return stays(found, held.means, held.variances), found.chances

    def _drawn(self, given: Doubles, candidates: Doubles) -> tuple[int | None, int]:
        """A place with the chance ``given`` (P,) to each, or none, and a candidate."""
        with self._lock:
            first, second = self._rng.random(2)
        at = int(np.searchsorted(np.cumsum(given), first, side="right"))
        one = int(np.searchsorted(np.cumsum(candidates), second, side="right"))
        return (at if at < len(given) else None), min(one, len(candidates) - 1)


def _fitting(request: Request, ranked: Ranked, spare: Spare, kept: NDArray[np.bool_], count: int) -> Spare:
    """Those of ``spare`` of which up to ``count`` may be in the list."""
    listed = [row for row, _, _ in ranked]
    fits = ~kept[spare.rows] & ~np.isin(spare.rows, listed) & request.allowed[spare.rows]
    if request.ruled.plan is not None:
        fits &= _within_limits(request.ruled.plan, listed, spare.rows, count)
    return Spare(spare.rows[fits], spare.scores[fits])


def _within_limits(plan: Plan, listed: list[int], rows: Rows, count: int) -> NDArray[np.bool_]:
    """Which of ``rows`` pass no limit even if ``count`` of their group come in."""
    fits = np.ones(len(rows), dtype=bool)
    for limit in plan.limits:
        groups, there = limit.groups[rows], limit.groups[listed]
        have = (groups[:, None] == there[None, :]).sum(axis=1)
        fits &= (groups < 0) | (have + count <= limit.most)
    return fits
