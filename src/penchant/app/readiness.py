"""Whether a shop that serves can answer, and what is degraded where it answers all the same."""

from collections.abc import Iterator
from typing import Any

from penchant.app.engine import Engine
from penchant.app.shop import Shop
from penchant.catalog.guarded import GuardedEncoder
from penchant.errors import PenchantError
from penchant.recommend.fallback import ENCODER, MODEL, PERSON, STORAGE

SNAPSHOT, LISTS, EVENTS, LEARNER = "snapshot", "lists", "events", "learner"

FAULTS = {
    PERSON: "something is wrong with what is known of single people; they see what is popular",
    STORAGE: "the shop's disk or database cannot be read; lists are of what is popular",
    EVENTS: "the disk does not take events; they are refused with 503",
}
"""Of parts of which :class:`~penchant.app.health.Health` hears, in words."""

Trouble = tuple[str, str]
"""A part and what is wrong with it."""


def readiness(shop: Shop, engine: Engine, learner: str) -> dict[str, Any]:
    """See :meth:`~penchant.serve.services.ApiServices.readiness`."""
    tracker = engine.recommender.tracker
    nothing, troubles = _no_list(shop), list(_troubles(shop, engine, learner))
    return {
        # A list of what is popular is better than none: who is sent away gets no list at all.
        "ready": not nothing,
        "degraded": list(dict.fromkeys(part for part, _ in troubles)),
        "reasons": [*([nothing] if nothing else []), *(why for _, why in troubles)],
        "snapshot": tracker.snapshot if tracker is not None else "",
        "fallback": tracker is None,
        "log_position": engine.position,
        "learned_position": engine.deltas.position,
        "states": len(tracker) if tracker is not None else 0,
        "unlogged": engine.writer.dropped,
        "learner": learner,
    }


def _no_list(shop: Shop) -> str:
    """Why not even what is popular can be shown."""
    try:
        shop.catalog.view()
    except PenchantError as error:
        return f"the catalogue cannot be read: {error}"
    return ""


def _troubles(shop: Shop, engine: Engine, learner: str) -> Iterator[Trouble]:
    serves = engine.recommender.tracker is not None
    if engine.current.failure:
        # A new snapshot that is refused is no loss to shoppers: the one before it serves.
        yield SNAPSHOT if serves else MODEL, engine.current.failure
    if engine.deltas.failure:
        yield SNAPSHOT, engine.deltas.failure
    yield from ((SNAPSHOT, why) for why in engine.recommender.experiment.missing.values())
    if isinstance(shop.encoder, GuardedEncoder) and shop.encoder.failure:
        yield ENCODER, f"texts cannot be read: {shop.encoder.failure}; searches go by the letter"
    if engine.wholeness.failure:
        yield STORAGE, engine.wholeness.failure
    writer = engine.writer
    if writer.failure is not None:
        yield (
            LISTS,
            f"the disk refuses shown lists ({writer.waiting:,} wait, {writer.dropped:,} are not logged)",
        )
    if learner == "failed":
        yield LEARNER, "the learner ended; it is started again, and what serves learns nothing until then"
    for part, why in _faults(shop, engine).items():
        if part in FAULTS:
            yield part, f"{FAULTS[part]} ({why})"


def _faults(shop: Shop, engine: Engine) -> dict[str, str]:
    """What failed lately, and whether the disk can be read now. That it can be where this looks does not tell
    that it can be where a list failed, or that it takes events again."""
    try:
        shop.log.end()
    except PenchantError as error:
        engine.health.fault(STORAGE, error)
    return engine.health.faults()
