"""A shop folder with every SQLite store in it."""

from dataclasses import dataclass, field
from pathlib import Path

from penchant.adapters.sqlite.attributes import SqliteAttributes
from penchant.adapters.sqlite.catalog import SqliteIdTable, SqliteItems
from penchant.adapters.sqlite.corrections import SqliteCorrections
from penchant.adapters.sqlite.database import Database
from penchant.adapters.sqlite.deadletters import SqliteDeadLetters
from penchant.adapters.sqlite.follows import SqliteFollows
from penchant.adapters.sqlite.impressions import SqliteImpressions
from penchant.adapters.sqlite.log import SqliteLog
from penchant.adapters.sqlite.offers import SqliteExposures, SqliteOffers, SqliteStock
from penchant.adapters.sqlite.people import SqliteConsent, SqliteMarks


@dataclass
class Stores:
    folder: Path
    writer: bool = True
    database: Database = field(init=False)

    def __post_init__(self):
        self.database = Database(self.folder / "shop.db", writer=self.writer)
        self.log = SqliteLog(self.database)
        self.impressions = SqliteImpressions(self.database, self.log)
        self.dead_letters = SqliteDeadLetters(self.database)
        self.consent, self.marks = SqliteConsent(self.database), SqliteMarks(self.database)
        self.corrections = SqliteCorrections(self.database)
        self.attributes = SqliteAttributes(self.database)
        self.offers, self.exposures = SqliteOffers(self.database), SqliteExposures(self.database)
        self.stock, self.follows = SqliteStock(self.database), SqliteFollows(self.database)
        self.ids = SqliteIdTable(self.database)
        self.items = SqliteItems(self.database, self.ids)

    def everything(self):
        return [
            self.impressions, self.dead_letters, self.marks, self.corrections, self.attributes,
            self.exposures, self.follows, self.consent, self.log,
        ]  # fmt: skip

    def close(self):
        self.database.close()
