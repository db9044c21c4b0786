"""What goes wrong, and when: drawn from a seed."""

from collections.abc import Sequence
from random import Random

from penchant.testing.simulation.disk import Fault, Operation

ALL = (Fault.FULL, Fault.BROKEN, Fault.KILL, Fault.POWER_CUT)
REFUSALS = (Fault.FULL, Fault.BROKEN)
CALM = 60
"""Operations between two troubles, on average."""
LONGEST = 12
"""Operations that a full or broken disk lasts."""


class DrawnFaults:
    """Trouble after a random number of operations, for a random while. One run of operations, one answer."""

    def __init__(self, random: Random, kinds: Sequence[Fault] = ALL) -> None:
        self._random = random
        self.kinds = kinds
        self._wait = self._calm()
        self._left = 0
        self._kind = Fault.NONE

    def __call__(self, operation: Operation) -> Fault:
        if not self.kinds:
            return Fault.NONE
        if not self._left:
            self._wait -= 1
            if self._wait > 0:
                return Fault.NONE
            self._kind = self._random.choice(self.kinds)
            self._left = self._random.randint(1, LONGEST) if self._kind in REFUSALS else 1
            self._wait = self._calm()
        self._left -= 1
        # A full disk refuses what needs room; it can be read, and what is there can be removed.
        if self._kind is Fault.FULL and operation.what not in ("write", "sync"):
            return Fault.NONE
        return self._kind

    def _calm(self) -> int:
        return 1 + int(self._random.expovariate(1 / CALM))
