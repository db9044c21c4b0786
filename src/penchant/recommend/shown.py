"""A list that was found becomes a list that was shown: one row of the log under its own id."""

from collections.abc import Callable
from dataclasses import dataclass

from penchant.privacy.consent import ConsentStore
from penchant.recommend.experiment import Experiment
from penchant.recommend.impressions import ImpressionSink
from penchant.types import Impression, Pseudonym, Recommendation


@dataclass(frozen=True, slots=True)
class Found:
    """Items, best first, that nobody has seen yet; ``snapshot`` as in :class:`~penchant.types.Impression`."""

    items: tuple[Recommendation, ...]
    snapshot: str = ""


class ShownLists:
    """Gives a list its ``recommendation_id`` and hands it to the log."""

    def __init__(
        self,
        sink: ImpressionSink,
        consent: ConsentStore,
        new_id: Callable[[], str],
        experiment: Experiment | None = None,
    ) -> None:
        self._sink = sink
        self._consent = consent
        self._new_id = new_id
        self._experiment = experiment or Experiment()

    def show(
        self, found: Found, placement: str, now: float, *, person: Pseudonym | None = None
    ) -> Impression:
        """One row; for nobody where ``person`` is unknown or opted out of profiling."""
        known = person if person is not None and self._consent.get(person).profiling else None
        shown = Impression(
            recommendation_id=self._new_id(),
            user_id=known or "",
            timestamp=now,
            placement=placement,
            items=found.items,
            snapshot=found.snapshot,
            arm=self._experiment.arm_of(known),
        )
        self._sink.put(shown)
        return shown
