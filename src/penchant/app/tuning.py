"""The search for settings that suit this shop, on validation alone."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, replace

import msgspec
import numpy as np

from penchant.adapters.optuna_search import Attempt, Found, OptunaSearch
from penchant.app.output import Told
from penchant.app.shop import Shop
from penchant.app.work import Material, model_settings
from penchant.errors import NotEnoughData
from penchant.evaluate.protocols import default_cut
from penchant.model.attributes import Vocabulary
from penchant.model.checkpoint import fingerprint
from penchant.model.examples import moments
from penchant.model.histories import Histories
from penchant.model.settings import ModelSettings
from penchant.model.sizes import mostly_short
from penchant.model.space import Space, search_space
from penchant.model.training import Progress, train

JOURNAL = "tuning.jsonl"
"""File in a shop that holds its searches."""

ATTEMPT_S = 300.0
"""Seconds of training of one attempt at most, whatever the budget: so that a search can go on."""


class Tuned(msgspec.Struct, frozen=True, kw_only=True):
    """What a search found: validation NDCG@10 of the best settings and of the shop's own."""

    settings: dict[str, int | float | str]
    validation: float
    validation_before: float | None
    attempts: int
    given_up: int
    applied: bool = False


def tune(shop: Shop, given: Material, minutes: float, tell: Told, clock: Callable[[], float]) -> Tuned:
    """Try settings for so many minutes, beginning with the shop's own; goes on with an earlier search.

    The last four weeks (of a short log its last fifth), on which ``penchant evaluate`` compares, are not
    looked at. Of the rest the last baskets of some people tell.

    Raises:
        NotEnoughData: nothing to predict, or no attempt came to its end.
        MissingExtra: optuna is not installed.
    """
    histories = given.data.histories.before(default_cut(given.data.histories))
    base = model_settings(shop.settings.train)
    base = replace(base, time_budget_s=min(ATTEMPT_S, base.time_budget_s or ATTEMPT_S))
    space = search_space(mostly_short(histories, base.short))
    search = OptunaSearch(shop.folder / JOURNAL, _name(histories, given, base, space), space, base.seed)
    search.first(asdict(base))
    start = clock()
    best = search.best()
    while best is None or clock() - start < 60 * minutes:
        attempt = search.attempt()
        watch = _Watch(attempt, best, tell, lambda: (clock() - start) / (60 * minutes))
        _try(attempt, watch, histories, given, replace(base, **attempt.settings))
        best = search.best()
    own = next((found for found in search.ended() if _same(found, base)), None)
    return Tuned(
        settings=dict(best.settings),
        validation=best.metric,
        validation_before=own.metric if own else None,
        attempts=search.begun(),
        given_up=search.given_up(),
    )


class _Enough(Exception):
    """An attempt need not go on."""


class _Watch:
    """Hears of an attempt's progress; ends it where it is hopeless or the time is over."""

    def __init__(self, attempt: Attempt, best: Found | None, tell: Told, share: Callable[[], float]) -> None:
        self._attempt, self._best, self._tell, self._share = attempt, best, tell, share
        self._seen = 0.0
        self.hopeless = False

    def __call__(self, at: Progress) -> None:
        best = f"{self._best.metric:.4f}" if self._best else "none yet"
        words = f"tuning: attempt {self._attempt.number + 1}, epoch {at.epoch}, best NDCG@10 {best}"
        self._tell(words, min(1.0, self._share()))
        if at.metric is not None:
            # A metric that falls says no more than that training is about to end.
            self._seen = max(self._seen, at.metric)
            self.hopeless = self._attempt.report(at.epoch, self._seen)
        if self.hopeless or (self._best is not None and self._share() >= 1):
            raise _Enough


def _try(
    attempt: Attempt, watch: _Watch, histories: Histories, given: Material, settings: ModelSettings
) -> None:
    try:
        model = train(
            histories,
            given.items.vectors,
            settings,
            n_items=given.items.count,
            queries=given.queries,
            prices=given.items.prices,
            attributes=given.data.attributes,
            on_progress=watch,
        )
    except _Enough:
        attempt.give_up() if watch.hopeless else attempt.cut_off()
    else:
        if not model.report["validation"] > 0:
            attempt.cut_off()
            raise NotEnoughData("too few people came twice to tell settings apart: import more before tuning")
        attempt.finish(model.report["validation"])


def _name(histories: Histories, given: Material, base: ModelSettings, space: Space) -> str:
    """Another one for other data, other settings of the shop, or another space."""
    none = np.zeros(0, np.int64)
    fixed = replace(base, **{name: getattr(ModelSettings(), name) for name in space})
    asked = moments(none, none, np.zeros(0))
    known = Vocabulary.of(given.data.attributes)
    people = known.table(given.data.attributes), known.packed()
    data = fingerprint(histories, given.items.vectors, fixed, asked, given.items.prices, *people)
    parts = msgspec.json.encode([data, {name: asdict(part) for name, part in space.items()}])
    return hashlib.sha256(parts).hexdigest()[:16]


def _same(found: Found, base: ModelSettings) -> bool:
    own = asdict(base)
    return all(own[name] == value for name, value in found.settings.items())
