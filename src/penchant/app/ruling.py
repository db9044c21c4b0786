"""The rules of the house in a process that serves: in force, changed, tried, and followed from elsewhere."""

import logging
from collections.abc import Callable
from threading import Lock
from typing import Any

import msgspec

from penchant.adapters.sqlite.rules import SqliteRules
from penchant.adapters.sqlite.shown import SqliteShown
from penchant.adapters.zen_rules import ZenRules
from penchant.app.shop import Shop
from penchant.errors import ShopError, StorageError
from penchant.events.attributes import ConsentedAttributes
from penchant.recommend.fallback import STORAGE, OnFault
from penchant.recommend.pipeline import Recommender
from penchant.recommend.rules.book import RuleBook
from penchant.recommend.rules.document import InvalidRules
from penchant.recommend.rules.dryrun import LISTS, WEEK, dry_run, effects
from penchant.recommend.rules.force import RulesInForce
from penchant.recommend.rules.port import RuleVersion

Told = Callable[[], object]

_log = logging.getLogger(__name__)


def book_of(shop: Shop) -> RuleBook:
    """The record of a shop's rules."""
    return RuleBook(SqliteRules(shop.database), ZenRules(), shop.clock)


class Ruling:
    """Keeps ``force`` at the newest version that can be used."""

    def __init__(self, shop: Shop, on_fault: OnFault) -> None:
        """Raises ShopError where the rules cannot be used: without them what they hide would be shown."""
        self._on_fault = on_fault
        self.book = book_of(shop)
        attributes = ConsentedAttributes(shop.attributes, shop.consent)
        self.force = RulesInForce(shop.catalog, attributes.attributes_of, on_fault)
        self._refused = 0
        self._lock = Lock()
        try:
            self._use(self.book.store.newest())
        except InvalidRules as error:
            raise ShopError(
                f"this shop's rules of the house cannot be used by this version. {error}"
            ) from error

    def follow(self) -> None:
        """Take in what was changed elsewhere. What cannot be used leaves the last good rules in force."""
        with self._lock:  # Of two that follow at once the later one has read what is newer.
            self._follow()

    def _follow(self) -> None:
        newest = self.force.version
        try:
            newest = self.book.store.newest()
            if newest not in (self.force.version, self._refused):
                self._use(newest)
            self.force.keep_up()
        except InvalidRules as error:
            self._refused = newest
            _log.warning(
                "version %d of the rules is not used, %d holds on: %s", newest, self.force.version, error
            )
        except (StorageError, ShopError) as error:
            self._on_fault(STORAGE, error)

    def _use(self, version: int) -> None:
        kept = self.book.store.get(version)
        if kept is not None:
            self.force.use(version, self.book.compiled(kept.document))


class RuleDesk:
    """Answers :class:`~penchant.serve.rule_services.RuleServices`. ``tell`` lets other processes follow."""

    def __init__(self, shop: Shop, ruling: Ruling, recommender: Recommender, tell: Told) -> None:
        self._shop = shop
        self._ruling = ruling
        self._recommender = recommender
        self._tell = tell

    def rules(self) -> dict[str, Any]:
        self._ruling.follow()
        force, book = self._ruling.force, self._ruling.book
        return {
            "version": book.store.newest(),
            "in_force": force.version,
            "document": msgspec.json.decode(book.document()),
            "rules": effects(force, self._shop.catalog.view(), []),
            "history": book.history(),
        }

    def save_rules(self, document: bytes, author: str, note: str, expected: int | None) -> dict[str, Any]:
        return self._kept(self._ruling.book.save(document, author, note=note, expected=expected))

    def rollback_rules(self, version: int, author: str, note: str, expected: int | None) -> dict[str, Any]:
        return self._kept(self._ruling.book.rollback(version, author, note=note, expected=expected))

    def _kept(self, kept: RuleVersion) -> dict[str, Any]:
        self._ruling.follow()
        if self._ruling.force.version < kept.version:
            raise StorageError(f"version {kept.version} of the rules is kept, and cannot be read back now")
        self._tell()
        return {"version": kept.version, "rules": len(self._ruling.force.rules.rules)}

    def try_rules(self, document: bytes) -> dict[str, Any]:
        draft = self._ruling.force.apart(self._ruling.book.compiled(document))
        now = self._shop.clock()
        shown = SqliteShown(self._shop.database).sample(now - WEEK, LISTS)
        found = dry_run(self._recommender, shown, self._ruling.force, draft, now)
        view = self._shop.catalog.view()
        named = [
            {side: [view.title_of(item) for item in items] for side, items in one.items()}
            for one in found["examples"]
        ]
        told = {name: found[name] for name in ("lists", "changed", "share")}
        return told | {"examples": named, "rules": effects(draft, view, found["moved"])}
