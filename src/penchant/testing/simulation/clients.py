"""Shops that send events: each until it is acknowledged, some more than once, late and out of order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from penchant.testing.simulation.house import Records

DAY = 86_400.0
USERS = tuple(f"user-{n}" for n in range(5))
ITEMS = ("tea", "honey", "coffee", "milk", "bread", "novelty", "other")
"""The last ones a model may not know."""
KINDS = ("view", "click", "cart", "purchase")


@dataclass(slots=True)
class Message:
    """One request on its way. ``due``: when it arrives (unix seconds); ``tries``: how often it was sent."""

    number: int
    records: Records
    due: float
    tries: int = 0


@dataclass(slots=True)
class Clients:
    """All of them together. What they sent is the truth that a log is held against.

    Attributes:
        sent: event_id → record. acknowledged: event_ids that the door said it took.
        waiting: messages without an answer. answered: the newest ones with one.
    """

    random: Random
    clock: Callable[[], float]
    sent: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    acknowledged: set[str] = field(default_factory=set[str])
    waiting: list[Message] = field(default_factory=list[Message])
    answered: list[Message] = field(default_factory=list[Message])
    _numbers: int = 0

    def speak(self) -> Message:
        """A new request with up to four events, on its way."""
        records = [self._event() for _ in range(self.random.randint(1, 4))]
        # Most arrive soon; some take days, and pass others on the way.
        delay = self.random.choice((0.0, 0.0, 1.0, 60.0, 2 * DAY))
        message = Message(self._next(), records, self.clock() + delay)
        self.waiting.append(message)
        return message

    def arriving(self) -> list[Message]:
        """Some of what is due, in whatever order."""
        now = self.clock()
        due = [message for message in self.waiting if message.due <= now]
        return self.random.sample(due, min(len(due), self.random.randint(1, 3)))

    def again(self) -> list[Message]:
        """A request that was answered is sent once more."""
        return [self.random.choice(self.answered)] if self.answered else []

    def told(self, message: Message, taken: bool) -> None:
        """The door answered. An answer may be lost on the way; then the message is sent again."""
        message.tries += 1
        if not taken:
            return
        self.acknowledged.update(record["event_id"] for record in message.records)
        if message in self.waiting and self.random.random() < 0.85:
            self.waiting.remove(message)
            self.answered = [*self.answered[-5:], message]

    def names(self, messages: Sequence[Message]) -> str:
        """For a trace."""
        return " ".join(f"m{message.number}x{len(message.records)}" for message in messages)

    def _event(self) -> dict[str, Any]:
        number, random = self._next(), self.random
        ago = random.choice((0.0, 0.0, 0.0, random.uniform(0, 60), random.uniform(0, 2 * DAY)))
        record = {
            "user_id": random.choice(USERS), "item_id": random.choice(ITEMS), "type": random.choice(KINDS),
            "timestamp": round(self.clock() - ago, 1), "event_id": f"e{number}", "mark": number,
        } | ({"sequence": random.randint(0, 3)} if random.random() < 0.3 else {})  # fmt: skip
        self.sent[f"e{number}"] = record
        return record

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers
