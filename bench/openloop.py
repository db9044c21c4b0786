"""Load at a fixed rate of arrivals, whatever becomes of the answers, from a process of its own.

    python bench/openloop.py PLAN.json OUT.npz       # bench/sustained.py runs it so

Each request has a moment at which it is due, and waits for no other one: its latency counts from that moment,
also where the load itself came late or had to open a connection first, so that a server that stalls is not
asked less meanwhile. How late the load itself was is ``lag``.
"""

import asyncio
import ctypes
import gc
import json
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import uvloop
from numpy.typing import NDArray

from connections import Pool

LIST, EVENT = 0, 1
ODD, BROKEN = -1, 0
"""Statuses beside those of HTTP: an answer that is not what it should be, and none at all."""
PATIENCE = 60.0
"""Seconds for the last answers."""
REST = 3.0
"""Seconds after it was found out what the server takes at most."""


@dataclass(frozen=True)
class Plan:
    """What is asked of whom, and when.

    Attributes:
        phases: (name, seconds, lists a second, events a second) in their order.
        users, items: of the load. probed: people whom nobody else asks about or sends events of.
        batch: events of one request. probes: people a second who do something and then ask for their list.
        poisson: arrivals at random moments, else evenly spaced.
        overload: factor of what the server can take, measured first for ``saturate`` seconds, with which the
            phase ``overload`` replaces its rates.
        core: that the load runs on, -1 for any.
    """

    port: int
    key: str
    users: list[str]
    items: list[str]
    probed: list[str]
    phases: list[tuple[str, float, float, float]]
    probes: float = 10.0
    batch: int = 1
    poisson: bool = False
    overload: float = 3.0
    saturate: float = 5.0
    at_once: int = 64
    most: int = 4_000
    core: int = -1
    seed: int = 0

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


def read_plan(path: Path) -> Plan:
    return Plan(**json.loads(path.read_text("utf-8")))


class Requests:
    """Bytes of requests; people and items are drawn."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._draw = random.Random(plan.seed)
        head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {plan.key}\r\n"
        self._get = f"GET /v1/users/%s/recommendations?n=20 HTTP/1.1\r\n{head}\r\n"
        post = f"POST /v1/events HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
        self._post = post + "Content-Length: %d\r\n\r\n%s"
        self._run = f"{plan.seed}-{time.time_ns():x}"
        self._count = 0

    def list_of(self, user: str) -> bytes:
        return (self._get % user).encode()

    def events_of(self, users: list[str]) -> bytes:
        """A view of each."""
        records, now = list[str](), time.time()
        for user in users:
            self._count += 1
            records.append(
                f'{{"user_id":"{user}","item_id":"{self._draw.choice(self._plan.items)}","type":"view",'
                f'"timestamp":{now:.3f},"event_id":"{self._run}-{self._count}"}}'
            )
        body = '{"events":[' + ",".join(records) + "]}"
        return (self._post % (len(body), body)).encode()

    def drawn(self, kind: int) -> bytes:
        if kind == LIST:
            return self.list_of(self._draw.choice(self._plan.users))
        return self.events_of([self._draw.choice(self._plan.users) for _ in range(self._plan.batch)])


def judged(kind: int, batch: int, status: int, body: bytes) -> int:
    """The status, or ``ODD`` for a 200 that does not say what it should."""
    if status != 200:
        return status
    wanted = b'"items":[{' if kind == LIST else b'"accepted":%d,' % batch
    return status if wanted in body and b'"fallback":true' not in body else ODD


class Alarm:
    """Calls ``work`` at a moment of the monotonic clock, to some 50 microseconds: timers of event loops
    are good to a millisecond only. Linux."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = int(self._libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._work = work
        asyncio.get_running_loop().add_reader(self._fd, self._rings)

    def _rings(self) -> None:
        os.read(self._fd, 8)
        self._work()

    def set(self, at: float) -> None:
        """Of several calls the last one counts; a moment that is over rings at once."""
        nanos = int(at * 1e9)
        spec = (ctypes.c_long * 4)(0, 0, nanos // 10**9, nanos % 10**9)
        self._libc.timerfd_settime(self._fd, 1, ctypes.byref(spec), None)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)


@dataclass
class Schedule:
    """Moments in seconds since the begin, in order, with the kind and the number of the phase of each."""

    due: NDArray[np.float64]
    kind: NDArray[np.int8]
    phase: NDArray[np.int8]


def schedule(plan: Plan) -> Schedule:
    """Of all phases; in lists with batches, events a second are sent by fewer requests."""
    draw, start = np.random.default_rng(plan.seed), 0.0
    due, kind, phase = list[NDArray[np.float64]](), list[NDArray[np.int8]](), list[NDArray[np.int8]]()
    for number, (_, seconds, lists, events) in enumerate(plan.phases):
        for what, rate in ((LIST, lists), (EVENT, events / plan.batch)):
            count = round(rate * seconds)
            even = np.arange(count) / rate if rate else np.zeros(0)
            due.append(start + (np.sort(draw.uniform(0, seconds, count)) if plan.poisson else even))
            kind.append(np.full(count, what, np.int8))
            phase.append(np.full(count, number, np.int8))
        start += seconds
    order = np.argsort(np.concatenate(due), kind="stable")
    return Schedule(*(np.concatenate(one)[order] for one in (due, kind, phase)))


class OpenLoop:
    """Sends each request of a schedule when it is due."""

    def __init__(self, pool: Pool, requests: Requests, plan: Plan, given: Schedule) -> None:
        self._pool, self._requests, self._batch, self._given = pool, requests, plan.batch, given
        count = len(given.due)
        self.lag, self.taken = np.zeros(count), np.full(count, np.nan)
        self.status = np.full(count, BROKEN, np.int16)
        self._due, self._kind = given.due.tolist(), given.kind.tolist()
        self._next, self._left = 0, count
        self._over = asyncio.Event()

    async def run(self, begun: float) -> None:
        """``begun`` on the monotonic clock is second 0; until the last answer, within bounds."""
        self._begun, self._alarm = begun, Alarm(self._send_due)
        self._alarm.set(begun)
        longest = begun + (self._due[-1] if self._due else 0.0) + PATIENCE - time.monotonic()
        try:
            await asyncio.wait_for(self._over.wait(), longest)
        except TimeoutError:
            print(f"{self._left} requests were not answered", file=sys.stderr)
        self._alarm.close()

    def _send_due(self) -> None:
        now = time.monotonic() - self._begun
        while self._next < len(self._due) and self._due[self._next] <= now:
            number, self._next = self._next, self._next + 1
            kind = self._kind[number]
            request = self._requests.drawn(kind)
            now = time.monotonic() - self._begun
            self.lag[number] = now - self._due[number]
            self._pool.ask(request, lambda *reply, number=number: self._answered(number, *reply))
        if self._next < len(self._due):
            self._alarm.set(self._begun + self._due[self._next])

    def _answered(self, number: int, status: int, body: bytes) -> None:
        self.taken[number] = time.monotonic() - self._begun - self._due[number]
        self.status[number] = judged(self._kind[number], self._batch, status, body)
        self._left -= 1
        if not self._left:
            self._over.set()


@dataclass
class Probes:
    """Somebody does something, and once that is acknowledged asks for the list: again and again, at fixed
    moments, each person in turn. Times in seconds since the first request was due; NaN for a list that did
    not come. Statuses are those of the last request.
    """

    pool: Pool
    requests: Requests
    people: list[str]
    posted: list[float] = field(default_factory=list)
    listed: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    bodies: list[tuple[str, bytes]] = field(default_factory=list)

    async def run(self, begun: float, seconds: float, rate: float) -> None:
        """``begun`` on the monotonic clock is second 0."""
        tasks = list[asyncio.Task[None]]()
        for number in range(int(seconds * rate)):
            due = begun + number / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            person = self.people[number % len(self.people)]
            # A timer of the loop may be a millisecond late; nobody waits for that.
            tasks.append(asyncio.create_task(self._one(person, max(due, time.monotonic()))))
        await asyncio.gather(*tasks)

    async def first(self) -> None:
        """The lists that are to change."""
        for person in self.people:
            status, body = await self._ask(self.requests.list_of(person))
            assert status == 200, body
            self.bodies.append((person, body))

    async def _one(self, person: str, due: float) -> None:
        status, body = await self._ask(self.requests.events_of([person]))
        status, posted, listed = judged(EVENT, 1, status, body), time.monotonic() - due, np.nan
        if status == 200:
            status, body = await self._ask(self.requests.list_of(person))
            status = judged(LIST, 1, status, body)
            if status == 200:
                listed = time.monotonic() - due
                self.bodies.append((person, body))
        self.posted.append(posted)
        self.listed.append(listed)
        self.statuses.append(status)

    def _ask(self, request: bytes) -> "asyncio.Future[tuple[int, bytes]]":
        return asked(self.pool, request)

    def changed(self) -> float:
        """Share of the lists that are not as the same person's list before."""
        return changed_share(self.bodies)


def changed_share(bodies: list[tuple[str, bytes]]) -> float:
    """Of lists in the order in which they came: those with other items or scores than that person's last.

    >>> first, again = (b'{"items": [{"item_id": "a", "score": %d}]}' % score for score in (1, 2))
    >>> changed_share([("u", first), ("u", again), ("u", again)])
    0.5
    """
    last, changed, compared = dict[str, list[tuple[str, float]]](), 0, 0
    for person, body in bodies:
        shown = [(one["item_id"], one["score"]) for one in json.loads(body)["items"]]
        if person in last:
            compared += 1
            changed += shown != last[person]
        last[person] = shown
    return changed / compared if compared else float("nan")


def asked(pool: Pool, request: bytes) -> "asyncio.Future[tuple[int, bytes]]":
    """Status and body, for who waits for them."""
    future: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
    pool.ask(request, lambda status, body: future.set_result((status, body)))
    return future


async def closed_loop(pool: Pool, requests: list[bytes], at_once: int) -> list[tuple[int, bytes]]:
    """All of ``requests`` by ``at_once`` who wait for each answer; statuses and bodies in their order."""
    found, left = [(BROKEN, b"")] * len(requests), iter(range(len(requests)))

    async def one() -> None:
        for number in left:
            found[number] = await asked(pool, requests[number])

    await asyncio.gather(*(one() for _ in range(at_once)))
    return found


async def saturation(pool: Pool, requests: Requests, plan: Plan, lists: float, events: float) -> float:
    """Answers a second to the mixture of ``lists`` and ``events`` by so many at once, who do not wait."""
    share, draw, counted = lists / (lists + events / plan.batch), random.Random(plan.seed), 0
    end = time.monotonic() + plan.saturate

    async def one() -> None:
        nonlocal counted
        while time.monotonic() < end:
            kind = LIST if draw.random() < share else EVENT
            status, body = await asked(pool, requests.drawn(kind))
            counted += judged(kind, plan.batch, status, body) == 200

    await asyncio.gather(*(one() for _ in range(plan.at_once)))
    return counted / plan.saturate


def overloaded(plan: Plan, answers: float) -> Plan:
    """With rates of the phase ``overload`` that are ``plan.overload`` times what the server takes."""
    phases = list[tuple[str, float, float, float]]()
    for name, seconds, lists, events in plan.phases:
        factor = plan.overload * answers / (lists + events / plan.batch) if name == "overload" else 1.0
        phases.append((name, seconds, lists * factor, events * factor))
    return replace(plan, phases=phases)


async def driven(plan: Plan) -> dict[str, NDArray[np.generic]]:
    """All phases one after the other; arrays of each request and each probe."""
    pool, requests = Pool(plan.port, plan.most), Requests(plan)
    probes = Probes(pool, requests, plan.probed)
    await closed_loop(pool, [requests.list_of(user) for user in plan.users], 8)
    await probes.first()
    _, _, lists, events = plan.phases[0]
    answers = await saturation(pool, requests, plan, lists, events)
    plan = overloaded(plan, answers)
    await asyncio.sleep(REST)
    given, pool.largest = schedule(plan), 0
    load = OpenLoop(pool, requests, plan, given)
    lengths = [seconds for _, seconds, _, _ in plan.phases]
    gc.collect()
    gc.freeze()
    gc.disable()
    begun, spent = time.monotonic() + 0.1, time.process_time()
    print(f"begun {begun}", flush=True)
    await asyncio.gather(
        load.run(begun), probes.run(begun + lengths[0], lengths[1] if plan.probes else 0.0, plan.probes)
    )
    busy = (time.process_time() - spent) / (time.monotonic() - begun)
    pool.close()
    return {
        "due": given.due, "kind": given.kind, "phase": given.phase,
        "lag": load.lag, "taken": load.taken, "status": load.status,
        "posted": np.array(probes.posted), "listed": np.array(probes.listed),
        "probed": np.array(probes.statuses), "changed": np.array(probes.changed()),
        "answers": np.array(answers), "busy": np.array(busy), "connections": np.array(pool.largest),
    }  # fmt: skip


def main() -> None:
    plan = read_plan(Path(sys.argv[1]))
    if plan.core >= 0:
        os.sched_setaffinity(0, {plan.core})
    np.savez(sys.argv[2], **uvloop.run(driven(plan)))


if __name__ == "__main__":
    main()
