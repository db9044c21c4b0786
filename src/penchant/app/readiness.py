"""Whether a shop that serves can answer, and what is wrong where it cannot."""

from typing import Any

from penchant.app.engine import Engine


def readiness(engine: Engine) -> dict[str, Any]:
    """See :meth:`~penchant.serve.services.ApiServices.readiness`."""
    tracker = engine.recommender.tracker
    refused, stuck = engine.current.failure, engine.writer.failure is not None
    reasons = [*([refused] if refused else []), *engine.recommender.experiment.missing.values()]
    if stuck:
        reasons.append(f"the disk refuses shown lists ({engine.writer.dropped:,} of nobody lost)")
    return {
        # A new snapshot that is refused is no reason to send shoppers away: the one before it serves.
        "ready": not stuck and not (refused and tracker is None),
        "reasons": reasons,
        "snapshot": tracker.snapshot if tracker is not None else "",
        "fallback": tracker is None,
        "log_position": engine.position,
        "learned_position": engine.deltas.position,
        "states": len(tracker) if tracker is not None else 0,
    }
