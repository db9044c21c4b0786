"""A shop's folder, opened: every store and use case that works without a running server."""

import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from penchant.adapters.sqlite.attributes import SqliteAttributes
from penchant.adapters.sqlite.catalog import SqliteIdTable, SqliteItems
from penchant.adapters.sqlite.corrections import SqliteCorrections
from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.deadletters import SqliteDeadLetters
from penchant.adapters.sqlite.decisions import SqliteDecisions, SqliteOffered
from penchant.adapters.sqlite.follows import SqliteFollows
from penchant.adapters.sqlite.guests import SqliteGuests
from penchant.adapters.sqlite.impressions import SqliteImpressions
from penchant.adapters.sqlite.keys import SqliteKeys
from penchant.adapters.sqlite.locks import WriterLock
from penchant.adapters.sqlite.log import SqliteLog
from penchant.adapters.sqlite.offers import SqliteExposures, SqliteOffers, SqliteStock
from penchant.adapters.sqlite.people import SqliteConsent, SqliteMarks, everybody
from penchant.adapters.sqlite.vectors import SqliteVectors
from penchant.app.encoder import shop_encoder
from penchant.app.learned import LearnedFiles
from penchant.catalog.catalog import Catalog
from penchant.catalog.encoder import TextEncoder
from penchant.errors import ShopError
from penchant.events.follows import FollowLists
from penchant.events.intake import Intake
from penchant.events.tables import SHAPES, TableDoor
from penchant.events.users import Users
from penchant.learn.shelf import SnapshotShelf
from penchant.privacy.erasure import Erasable
from penchant.privacy.guests import ErasableGuests
from penchant.privacy.keys import Keys
from penchant.privacy.ledger import Ledger
from penchant.privacy.pseudonyms import Pseudonymizer, make_key, read_key
from penchant.privacy.rights import Rights
from penchant.settings import SHOP_VERSION, Settings, read_settings
from penchant.taste.disregarded import left_out_positions

_SETTINGS = f"""# Settings of this shop. What is not said here has its default: see docs/settings.md.
version = {SHOP_VERSION}
name = "{{name}}"
currency = "{{currency}}"
"""

DATABASE = "shop.db"
"""In a shop's folder."""

Clock = Callable[[], float]


def init_shop(folder: Path, *, name: str = "", currency: str = "", more: str = "") -> None:
    """Make a new shop in ``folder``; ``more`` is TOML that its settings begin with besides.

    Raises:
        ShopError: there is one already, or the folder cannot be made.
    """
    if (folder / "shop.toml").exists():
        raise ShopError(f"{folder} holds a shop already; it is kept as it is")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "secret.key").exists():
            make_key(folder / "secret.key")
        plain = (name or folder.resolve().name).replace("\\", "").replace('"', "")
        text = _SETTINGS.format(name=plain, currency=currency.replace("\\", "").replace('"', ""))
        Database(folder / DATABASE, writer=True).close()
        # Last: a folder with settings is a whole shop.
        (folder / "shop.toml").write_text(text + more, encoding="utf-8")
    except OSError as error:
        raise ShopError(f"{folder} cannot hold a shop: {error}") from error


class Shop:
    """One shop, for one process. A ``writer`` may change it; there is only one at a time."""

    def __init__(
        self, folder: Path, *, writer: bool, clock: Clock = time.time, encoder: TextEncoder | None = None
    ) -> None:
        """Open ``folder``; ``encoder`` stands in for the one of the settings.

        Raises:
            ShopError: no shop there, or a newer one. ShopBusy: another process is the writer.
        """
        if not (folder / "shop.toml").is_file():
            raise ShopError(f"no shop in {folder}: make one with `penchant init --shop {folder}`")
        self.folder = folder
        self.clock = clock
        self.settings: Settings = read_settings(folder / "shop.toml")
        self._encoder = encoder
        key = read_key(folder / "secret.key")
        self.database = Database(folder / DATABASE, writer=writer)
        self.pseudonymizer = Pseudonymizer(key)
        self.ledger = Ledger(folder / "erased.ledger", key)
        self.log = SqliteLog(self.database)
        self.impressions = SqliteImpressions(self.database, self.log, self.settings.serve.keep_lists())
        self.dead_letters = SqliteDeadLetters(self.database)
        self.marks = SqliteMarks(self.database)
        self.consent = SqliteConsent(self.database)
        self.corrections = SqliteCorrections(self.database)
        self.attributes = SqliteAttributes(self.database)
        self.decisions = SqliteDecisions(self.database)
        self.offered = SqliteOffered(self.database)
        self.guests = SqliteGuests(self.database, self.log, (self.corrections, self.attributes, self.consent))
        self.offers, self.exposures = SqliteOffers(self.database), SqliteExposures(self.database)
        self.stock, self.follows = SqliteStock(self.database), SqliteFollows(self.database)
        self.ids = SqliteIdTable(self.database)
        self.items = SqliteItems(self.database, self.ids, self.clock)
        self.keys = Keys(SqliteKeys(self.database))
        self.shelf = SnapshotShelf(folder / "snapshots")
        self.learned = LearnedFiles(folder, self.shelf)
        if writer and self.ledger.pending:
            self.rights().resume(everybody(self.database), clock())

    @cached_property
    def encoder(self) -> TextEncoder:
        """The language model of the settings; loading it takes seconds, so only when it is needed."""
        if self._encoder is not None:
            return self._encoder
        return shop_encoder(self.folder, self.settings.text)

    @cached_property
    def vectors(self) -> SqliteVectors:
        """Known vectors of texts."""
        return SqliteVectors(self.folder / "vectors.db")

    @cached_property
    def catalog(self) -> Catalog:
        """The catalogue with its vectors."""
        return Catalog(self.items, self.ids, self.encoder, self.vectors)

    def intake(self) -> Intake:
        """The door for events."""
        return Intake(
            self.log, self.dead_letters, self.pseudonymizer, self.ledger,
            settings=self.settings, clock=self.clock, logins=self.guests,
        )  # fmt: skip

    def users(self) -> Users:
        """The door for what the shop knows of people."""
        return Users(
            self.attributes, self.dead_letters, self.pseudonymizer, self.ledger,
            settings=self.settings, clock=self.clock,
        )  # fmt: skip

    def tables(self) -> dict[str, TableDoor[Any]]:
        """The doors for further tables, by the name of the table."""
        stores = {
            "offers": self.offers, "exposures": self.exposures, "stock": self.stock, "follows": self.follows,
        }  # fmt: skip
        return {
            name: TableDoor(
                SHAPES[name], store, self.dead_letters, (self.pseudonymizer, self.ledger),
                settings=self.settings, clock=self.clock, logins=self.guests,
            )
            for name, store in stores.items()
        }  # fmt: skip

    def follow_lists(self) -> FollowLists:
        """The door for whole lists of whom people follow."""
        return FollowLists(
            self.follows, self.pseudonymizer, self.ledger, settings=self.settings, clock=self.clock
        )

    def rights(self) -> Rights:
        """The stores in this folder; a server adds its caches in front."""
        return Rights(self.stores(), self.consent, self.ledger)

    def stores(self) -> list[Erasable]:
        """Every store of personal data on the disk, the log last."""
        left = self.impressions, self.dead_letters, self.offered, self.exposures
        guests = ErasableGuests(self.guests, self.ledger, left)
        return [
            guests, self.learned, self.impressions, self.dead_letters, self.offered, self.marks,
            self.corrections, self.attributes, self.exposures, self.follows, self.consent, self.log,
        ]  # fmt: skip

    def assign_ids(self) -> None:
        """Give every item that an event names its row, in order of first sight.

        Looks at the whole log: an import that was cut off may have left items without one.
        """
        rows = self.database.read(
            "SELECT item FROM events WHERE item IS NOT NULL GROUP BY item ORDER BY min(position)"
        )
        self.ids.assign([str(row[0]) for row in rows])

    def training(self) -> WriterLock:
        """Hold it while training: a checkpoint and a snapshot have one writer, beside that of the log.

        Raises:
            ShopBusy: another process trains on this shop.
        """
        busy = "process {} is training on this shop. Wait for it or stop it. Nothing was changed."
        return WriterLock(self.folder / "training.lock", busy)

    def left_out(self) -> NDArray[np.int64]:
        """Log positions of what its owner does not want to count."""
        return left_out_positions(self.log, self.corrections.all_disregarded())

    def close(self) -> None:
        """Let the next writer in."""
        if "vectors" in self.__dict__:
            self.vectors.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
