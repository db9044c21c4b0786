"""A list that was found becomes a list that was shown: one row of the log under its own id."""

from collections.abc import Callable
from dataclasses import dataclass

from penchant.privacy.consent import ConsentStore
from penchant.recommend.experiment import Experiment
from penchant.recommend.fallback import OnFault, nobody_hears, reason_of
from penchant.recommend.impressions import ImpressionSink
from penchant.types import Impression, Pseudonym, Recommendation


@dataclass(frozen=True, slots=True)
class Found:
    """Items, best first, that nobody has seen yet.

    ``snapshot`` and ``fallback`` as in :class:`~penchant.types.Impression`.
    """

    items: tuple[Recommendation, ...]
    snapshot: str = ""
    fallback: str = ""


class ShownLists:
    """Gives a list its ``recommendation_id`` and hands it to the log."""

    def __init__(
        self,
        sink: ImpressionSink,
        consent: ConsentStore,
        new_id: Callable[[], str],
        experiment: Experiment | None = None,
        on_fault: OnFault = nobody_hears,
    ) -> None:
        self._sink = sink
        self._consent = consent
        self._new_id = new_id
        self._experiment = experiment or Experiment()
        self._on_fault = on_fault

    def show(
        self, found: Found, placement: str, now: float, *, person: Pseudonym | None = None
    ) -> Impression:
        """One row; for nobody where ``person`` is unknown or opted out of profiling."""
        known, fault = self._known(person)
        shown = Impression(
            recommendation_id=self._new_id(),
            user_id=known or "",
            timestamp=now,
            placement=placement,
            items=found.items,
            snapshot=found.snapshot,
            arm=self._experiment.arm_of(known),
            fallback=found.fallback or fault,
        )
        self._sink.put(shown)
        return shown

    def _known(self, person: Pseudonym | None) -> tuple[Pseudonym | None, str]:
        """The person, where they may be recognised, and why that cannot be known."""
        try:
            may = person is not None and self._consent.get(person).profiling
        except Exception as error:
            reason = reason_of(error)
            self._on_fault(reason, error)
            return None, reason
        return (person if may else None), ""
