"""One run: clients, a server, a learner and a disk, all moved by one seed.

Nothing waits for real time and nothing runs beside anything else: whose turn it is, what o'clock it is and
what the disk does next are drawn. So the same seed is the same run, to the last operation of the disk.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from penchant.errors import PenchantError
from penchant.testing.fakes import ManualClock
from penchant.testing.simulation import invariants
from penchant.testing.simulation.clients import DAY, USERS, Clients, Message
from penchant.testing.simulation.disk import Disk, Fault, Plan, in_use, no_faults
from penchant.testing.simulation.faults import ALL, DrawnFaults
from penchant.testing.simulation.house import House, Open
from penchant.testing.simulation.invariants import Seen

BEGIN = 1_790_000_000.0
"""Unix seconds at the start of every run."""
STEPS = 60
TRIES = 50
"""Openings of a folder, and rounds of sending at the end, before it is said not to recover."""


class Failed(AssertionError):
    """A run in which something does not hold. The message holds the seed and what happened before."""

    def __init__(self, seed: int, why: str, trace: Sequence[str]) -> None:
        super().__init__(f"seed {seed}: {why}\n" + "\n".join(trace[-40:]))
        self.seed, self.why, self.trace = seed, why, list(trace)


@dataclass(frozen=True, slots=True)
class Run:
    """How a run went. ``trace``: every step and every fault, in order."""

    seed: int
    trace: list[str]
    events: int
    lives: int


class _Ended(Exception):
    """The process is gone."""


def simulate(seed: int, template: Path, folder: Path, open_house: Open, faults: Sequence[Fault] = ALL) -> Run:
    """One run in ``folder``, which is empty, on a copy of the shop in ``template``.

    Raises:
        Failed: an invariant does not hold, or something was raised that is no ``PenchantError``.
    """
    world = _World(seed, template, folder, open_house, faults)
    try:
        world.run()
    except invariants.Violated as error:
        raise Failed(seed, str(error), world.trace) from error
    except Exception as error:
        raise Failed(seed, f"{type(error).__name__}: {error}", world.trace) from error
    return Run(seed, world.trace, len(world.clients.acknowledged), world.lives)


def _silent(act: Callable[[House], None]) -> Callable[[House], str]:
    """A turn that has nothing to tell."""

    def turn(house: House) -> str:
        act(house)
        return ""

    return turn


class _World:
    def __init__(
        self, seed: int, template: Path, folder: Path, open_house: Open, faults: Sequence[Fault]
    ) -> None:
        self.random = Random(seed)  # noqa: S311 - not a secret
        self.clock = ManualClock(BEGIN)
        self.clients = Clients(self.random, self.clock)
        self.trace: list[str] = []
        self.lives = 0
        self._folder = folder
        self._open = open_house
        self._faults = DrawnFaults(self.random, faults)
        self._seen = Seen()
        self._disk = Disk(template, self.random)
        self._left = STEPS
        self._heard = False
        self._turns: dict[str, tuple[int, Callable[[House], str]]] = {
            "speak": (6, self._speak), "arrive": (8, self._arrive), "again": (2, self._again),
            "hear": (6, self._hear), "read": (6, self._read), "forget": (1, self._forget),
            "wait": (3, self._wait), "learn": (3, _silent(lambda house: house.learn())),
            "checkpoint": (1, _silent(lambda house: house.checkpoint())),
            "restart learner": (1, _silent(lambda house: house.restart_learner())),
            "recover": (1, self._recover), "check": (1, self._check), "restart": (1, self._restart),
            "cut": (1, self._cut),
        }  # fmt: skip

    def run(self) -> None:
        while self._left > 0:
            self._left -= 1  # A life that ends before it begins is a step too.
            self._life(self._go, self._faults)
        for _ in range(2):  # The second finds what the first left on the disk.
            self._life(self._settle, no_faults)

    def _life(self, act: Callable[[House], None], plan: Plan) -> None:
        """One process, from its start to its end, on what the one before left."""
        self.lives += 1
        folder = self._folder / str(self.lives)
        self._disk.survivors(folder)
        # The first one begins on a good disk: what the template holds is looked at.
        self._disk = Disk(folder, self.random, plan if self.lives > 1 else no_faults)
        self._heard = False
        with in_use(self._disk):
            try:
                house = self._opened(folder)
                try:
                    if self.lives == 1:
                        self._seen.begun = house.log.end()
                        self._disk.plan = plan
                    act(house)
                finally:
                    with suppress(PenchantError, OSError):
                        house.close()
            except _Ended as end:
                self._say(f"life {self.lives} ends: {end} {' '.join(self._disk.fell[-1:])}")

    def _opened(self, folder: Path) -> House:
        for _ in range(TRIES):
            before = len(self._disk.fell)
            try:
                house = self._open(folder, self.clock)
            except Exception as error:
                self._refused("the opening", error, before)
                self._say(f"does not open: {error}")
            else:
                self._say(f"life {self.lives} begins")
                return house
        raise invariants.Violated("the folder cannot be opened any more")

    def _refused(self, name: str, error: Exception, before: int) -> None:
        """Raises where a refusal needs to be: there were faults ``before``, and there is none since."""
        self._alive()
        if not isinstance(error, PenchantError):
            raise error
        if len(self._disk.fell) == before:
            raise invariants.Violated(f"{name} was refused without a fault: {error}") from error

    def _alive(self) -> None:
        """Raises _Ended once the process is gone: what it was about to say is never heard."""
        if self._disk.dead is not None:
            raise _Ended(self._disk.dead.value)

    def _say(self, what: str) -> None:
        self.trace.append(f"{self._disk.count:5} {what}")

    def _go(self, house: House) -> None:
        self._try("check", self._check, house)
        names, weights = list(self._turns), [weight for weight, _ in self._turns.values()]
        while self._left > 0:
            self._left -= 1
            name = self.random.choices(names, weights)[0]
            self._try(name, self._turns[name][1], house)

    def _try(self, name: str, act: Callable[[House], str], house: House) -> None:
        """One turn. The disk may refuse, and the process may end in the middle of it."""
        before = len(self._disk.fell)
        try:
            told = act(house)
        except (_Ended, invariants.Violated):
            raise
        except Exception as error:
            self._refused(name, error, before)
            told = f"refused: {error}"
        self._say(f"{name} {told}".rstrip())
        for fault in self._disk.fell[before:]:
            self._say(f"  {fault}")
        self._alive()

    def _speak(self, _: House) -> str:
        return self.clients.names([self.clients.speak()])

    def _arrive(self, house: House) -> str:
        return self._sent(house, self.clients.arriving())

    def _again(self, house: House) -> str:
        return self._sent(house, self.clients.again())

    def _sent(self, house: House, messages: list[Message]) -> str:
        """Requests reach the door together; the clients hear what becomes of them."""
        if not messages:
            return "nothing"
        names, before = self.clients.names(messages), len(self._disk.fell)
        self._heard = False
        try:
            results = house.take([[dict(one) for one in message.records] for message in messages])
        except PenchantError as error:
            self._refused("a request", error, before)
            for message in messages:
                self.clients.told(message, taken=False)
            return f"{names}: {error}"
        self._alive()
        for message, result in zip(messages, results, strict=True):
            if result.rejected:
                raise invariants.Violated(f"good events were rejected: {result.rejected}")
            self.clients.told(message, taken=True)
        return f"{names}: {' '.join(f'{one.accepted}+{one.duplicates}' for one in results)}"

    def _hear(self, house: House) -> str:
        house.hear()
        self._heard = True
        return ""

    def _read(self, house: House) -> str:
        user = self.random.choice(USERS)
        return f"{user} {'known' if house.state(user) is not None else 'a stranger'}"

    def _forget(self, house: House) -> str:
        house.forget(user := self.random.choice(USERS))
        return user

    def _wait(self, _: House) -> str:
        seconds = self.random.choice((0.5, 5.0, 600.0, DAY))
        self.clock.advance(seconds)
        return f"{seconds} s"

    def _check(self, house: House) -> str:
        invariants.check_log(house, self.clients, self._seen)
        invariants.check_items(house, self._seen)
        if self._heard:
            invariants.check_effects(house)
        return f"{len(self._seen.places)} events"

    def _recover(self, house: House) -> str:
        """Once the fault is gone everything goes on by itself, without a restart."""
        plan, self._disk.plan = self._disk.plan, no_faults
        try:
            told = self._sent(house, self.clients.arriving())
            self._hear(house)
            self._check(house)
            invariants.check_serves(house)
        except PenchantError as error:
            raise invariants.Violated(f"it does not recover: {error}") from error
        finally:
            self._disk.plan = plan
        return told

    def _restart(self, house: House) -> str:
        house.close()
        raise _Ended("in good order")

    def _cut(self, _: House) -> str:
        self._disk.die(
            self.random.choice((Fault.KILL, Fault.POWER_CUT)) if self._faults.kinds else Fault.KILL
        )
        return "between two turns"

    def _settle(self, house: House) -> None:
        """Everything is sent until it is acknowledged, heard and held against the log."""
        for _ in range(TRIES):
            self.clock.advance(3 * DAY)
            self._say(f"settle {self._sent(house, list(self.clients.waiting))}")
            if not self.clients.waiting:
                break
        self._hear(house)
        house.learn()
        self._check(house)
        missing = self.clients.sent.keys() - self.clients.acknowledged
        if missing:
            raise invariants.Violated(f"never acknowledged: {sorted(missing)}")
        invariants.check_serves(house)
        invariants.check_learned(house)
