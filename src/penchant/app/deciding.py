"""Decisions of a shop: what waits, what was decided, and the way out for what was approved."""

import math
import uuid
from collections.abc import Sequence
from hashlib import file_digest
from pathlib import Path
from threading import Lock
from typing import Any, Final

import msgspec

from penchant.adapters.outlets import FolderOutlet, WebhookOutlet, read_secret
from penchant.adapters.sqlite.locks import WriterLock
from penchant.adapters.sqlite.shown import SqliteShown
from penchant.app.shop import Shop
from penchant.catalog.prices import DAY, lowest
from penchant.decide.approval import Person, Queue
from penchant.decide.sending import Outlet, Sent, send
from penchant.errors import InvalidInput, NotFound, PenchantError
from penchant.events.decisions import Decided, Offered, told
from penchant.types import Impression, Scalar

FEED: Final = 2 * DAY
"""Seconds after which a catalogue holds each price that was sent to the shop."""
LIST, SHOWN = "list", "shown"
"""Kind and state of a list that was shown, which the log of impressions holds."""
_BUSY = "process {} is sending what was approved: it is on its way."


class DecisionDesk:
    """Answers :class:`~penchant.serve.decision_services.DecisionServices`, and the verbs."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._sending = Lock()
        most = max(shop.settings.cleaning.max_price, shop.settings.cleaning.max_quantity)
        self.queue = Queue(shop.decisions, shop.settings.decisions, shop.clock, most)

    def decisions(self, kind: str = "", state: str = "", limit: int = 100) -> list[dict[str, Any]]:
        if limit < 0:
            raise InvalidInput(f"a limit is 0 (for all) or more, not {limit}")
        found = list[dict[str, Any]]()
        if kind != LIST and state != SHOWN:
            found += [
                self._told(one) for one in self._shop.decisions.find(kind=kind, state=state, limit=limit)
            ]
        if kind in ("", LIST) and state in ("", SHOWN):
            found += [_list(one) for one in self._lists(limit)]
        return sorted(found, key=lambda one: -one["time"])[: limit or None]

    def decision(self, name: str) -> dict[str, Any]:
        shown = self._shop.impressions.get(name)
        if shown is not None:
            came = [entry.event for entry in self._shop.impressions.joined(name)]
            events = [
                {"type": event.type, "item_id": event.item_id, "position": event.position,
                 "timestamp": event.timestamp}
                for event in came
            ]  # fmt: skip
            return _list(shown) | {"came": events}
        found = self.queue.get(name)
        more = {"people": _counted(self._shop.offered.of(name))} if found.decision.kind == "campaign" else {}
        return self._told(found) | more

    def approve(self, name: str, who: Person, note: str = "", seen: int | None = None) -> dict[str, Any]:
        return self._then(self.queue.approve(name, who, note=note, seen=seen))

    def edit(
        self, name: str, value: float, who: Person, note: str = "", seen: int | None = None
    ) -> dict[str, Any]:
        return self._told(self.queue.edit(name, value, who, note=note, seen=seen))

    def reject(self, name: str, who: Person, note: str = "", seen: int | None = None) -> dict[str, Any]:
        return self._told(self.queue.reject(name, who, note=note, seen=seen))

    def take_back(self, name: str, who: Person, note: str = "", seen: int | None = None) -> dict[str, Any]:
        return self._then(self.queue.take_back(name, who, note=note, seen=seen))

    def outcome(self, name: str, came: dict[str, Scalar], who: Person, note: str = "") -> dict[str, Any]:
        return self._told(self.queue.outcome(name, came, who, note=note))

    def send(self) -> Sent:
        """Deliver what is approved and did not go out yet.

        Raises:
            InvalidInput: the settings name no place. SettingsError: its secret cannot be read. ShopBusy:
            another process is sending.
        """
        with self._sending, WriterLock(self._shop.folder / "sending.lock", _BUSY):
            outlet = outlet_of(self._shop)
            if outlet is None:
                raise InvalidInput(
                    "approved prices wait: say where they go, [decisions] folder or webhook in shop.toml"
                )
            return send(self._shop.decisions, outlet, self._shop.clock, self._shop.settings.currency)

    def _then(self, decided: Decided) -> dict[str, Any]:
        """What is due goes out, where the settings name a place; that it cannot undoes no decision."""
        if not decided.due or not self.sends:
            return self._told(decided)
        try:
            sent = self.send()
        except PenchantError as error:
            sent = Sent(sent=0, waiting=1, problem=str(error))
        return self._told(self.queue.get(decided.decision.id)) | {"delivery": msgspec.to_builtins(sent)}

    def _told(self, found: Decided) -> dict[str, Any]:
        item = None if found.decision.kind == "campaign" else self._shop.items.get(found.decision.subject)
        title = item.title if item is not None else ""
        return told(found) | self._discount(found) | {"title": title, "needed": self.queue.needed(found)}

    def _discount(self, found: Decided) -> dict[str, Any]:
        """Of a price that waits the lowest one of the days before, as it was edited last."""
        made = found.decision
        if made.kind != "price" or found.state != "waiting" or made.now is None:
            return {}
        if found.value >= made.now:
            return {"lowest": None}
        held = self._shop.items.prices(made.subject)
        return {"lowest": lowest(held, self._shop.clock()) if held else made.lowest}

    @property
    def sends(self) -> bool:
        """Whether the settings name a place for approved prices."""
        settings = self._shop.settings.decisions
        return bool(settings.folder or settings.webhook)

    def due(self) -> bool:
        """Whether an approved price has not gone out yet."""
        return bool(self._shop.decisions.find(due=True, limit=1))

    def _lists(self, limit: int) -> list[Impression]:
        newest = SqliteShown(self._shop.database).newest()
        found = self._shop.impressions.follow(max(newest - limit, 0) if limit else 0, limit or -1)
        return [shown for _, shown in found]


def _list(shown: Impression) -> dict[str, Any]:
    """A list as a decision: made by a model, drawn where it says so, approved by nobody."""
    return {
        "id": shown.recommendation_id, "kind": LIST, "subject": shown.placement, "state": SHOWN,
        "time": shown.timestamp, "person": shown.user_id,
        "inputs": {"snapshot": shown.snapshot, "arm": shown.arm, "fallback": shown.fallback},
        "items": msgspec.to_builtins(shown.items),
        "propensity": min((one.propensity for one in shown.items), default=1.0),
    }  # fmt: skip


def _counted(offers: Sequence[Offered]) -> dict[str, Any]:
    held = [one for one in offers if one.held_out]
    return {
        "people": len(offers),
        "held_out": len(held),
        "propensity": held[0].propensity if held else 0.0,
        "given": sum(bool(one.offers) for one in offers),
    }


def prices_of(shop: Shop, item_id: str) -> dict[str, Any]:
    """What an item cost since when, and the lowest price of the last 30 days. Raises NotFound."""
    item, history = shop.items.get(item_id), shop.items.prices(item_id)
    if item is None and not history:
        raise NotFound(f"no item {item_id!r}")
    return {
        "item_id": item_id, "price": item.price if item is not None else None,
        "currency": shop.settings.currency, "lowest_30_days": lowest(history, shop.clock()),
        "history": history,
    }  # fmt: skip


def outlet_of(shop: Shop) -> Outlet | None:
    """Where approved prices go; None where the settings name no place."""
    settings = shop.settings.decisions
    if settings.folder:
        return FolderOutlet(shop.folder / settings.folder)
    if settings.webhook:
        secret = read_secret(shop.folder / settings.secret)
        return WebhookOutlet(settings.webhook, secret, timeout=settings.timeout, clock=shop.clock)
    return None


def price_now(shop: Shop, item_id: str, listed: float) -> float:
    """What an item costs: what the catalogue says, or what went out since and the feed may not have brought.

    After :data:`FEED` the catalogue is believed: the shop did not take that price.
    """
    sent, price = -math.inf, listed
    for one in shop.decisions.find(kind="price", subject=item_id):
        for step in one.steps:
            if step.what == "sent" and step.time >= sent:
                former = one.decision.now
                sent, price = step.time, former if step.back and former is not None else one.value
    changed = max(
        (one.since for one in shop.items.prices(item_id) if one.since is not None), default=-math.inf
    )
    return price if sent > max(changed, shop.clock() - FEED) else listed


def new_id() -> str:
    """An id of a decision that no other has."""
    return uuid.uuid4().hex[:16]


def checksums(*paths: Path | None) -> dict[str, str]:
    """SHA-256 of each file, by its name."""
    found = dict[str, str]()
    for path in paths:
        if path is not None:
            with path.open("rb") as file:
                found[path.name] = f"sha256:{file_digest(file, 'sha256').hexdigest()}"
    return found
