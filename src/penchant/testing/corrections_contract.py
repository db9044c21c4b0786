"""What every store of corrections must do. A new one inherits the class and supplies a fixture."""

from penchant.privacy.erasure import Erasable
from penchant.taste.corrections import Correction, Corrections
from penchant.taste.disregarded import NOTHING, Disregarded, Present
from penchant.testing.log_contract import ANNA, BOB

LESS = Correction(kind="word", name="Tee über", weight="less")
NEVER = Correction(kind="item", name="7", weight="never")
OUT = Disregarded(
    forgotten=(3, 9), remembered=(5,), presents=(Present(start=1.5, after=4, end=2.5, session_id="s 1"),)
)


class CorrectionsContract:
    """Tests of :class:`~penchant.taste.corrections.Corrections`.

    A subclass gives the fixture ``corrections`` (empty), and overrides ``reopened`` where it is durable.
    """

    def reopened(self, corrections: Corrections) -> Corrections:
        """The store as another process finds it after a restart."""
        return corrections

    def test_both_parts_come_back_whole_and_change_apart(self, corrections: Corrections) -> None:
        corrections.set(ANNA, (LESS, NEVER))
        corrections.disregard(ANNA, OUT)
        corrections.disregard(BOB, Disregarded(forgotten=(1,)))
        later = self.reopened(corrections)
        assert (later.get(ANNA), later.disregarded(ANNA)) == ((LESS, NEVER), OUT)
        later.set(ANNA, (NEVER,))
        assert later.disregarded(ANNA) == OUT
        later.disregard(ANNA, NOTHING)
        later = self.reopened(later)
        assert (later.get(ANNA), later.disregarded(ANNA)) == ((NEVER,), NOTHING)
        assert (later.get(BOB), later.disregarded(BOB).forgotten) == ((), (1,))

    def test_only_those_of_whom_something_does_not_count_are_told(self, corrections: Corrections) -> None:
        assert corrections.all_disregarded() == {}
        corrections.set(ANNA, (LESS,))
        corrections.disregard(BOB, OUT)
        assert self.reopened(corrections).all_disregarded() == {BOB: OUT}

    def test_all_of_it_is_exported_and_erased(self, corrections: Corrections) -> None:
        assert isinstance(corrections, Erasable)
        corrections.set(ANNA, (LESS,))
        corrections.disregard(ANNA, OUT)
        corrections.disregard(BOB, OUT)
        told = corrections.export_person(ANNA)
        assert {"forgotten": 3} in told
        assert {"kind": "word", "name": "Tee über", "weight": "less"} in told
        assert len(told) == 5
        assert corrections.erase_person(ANNA) == 5
        later = self.reopened(corrections)
        assert (later.get(ANNA), later.disregarded(ANNA)) == ((), NOTHING)
        assert later.disregarded(BOB) == OUT
