"""The tables, as numbered migrations. Never change one that was released: add the next."""

from penchant.adapters.sqlite.decisions_schema import DECISIONS
from penchant.adapters.sqlite.follows_schema import FOLLOWS
from penchant.adapters.sqlite.prices_schema import PRICES
from penchant.adapters.sqlite.rules_schema import RULES

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE people (person INTEGER PRIMARY KEY, pseudonym TEXT NOT NULL UNIQUE);
    CREATE TABLE events (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        person INTEGER NOT NULL,
        timestamp REAL NOT NULL,
        sequence INTEGER,
        type INTEGER NOT NULL,
        item TEXT,
        session TEXT,
        query TEXT,
        value REAL,
        price REAL,
        quantity REAL,
        recommendation TEXT,
        rest BLOB,
        event_id TEXT NOT NULL UNIQUE,
        digest BLOB NOT NULL
    );
    CREATE INDEX events_of_person ON events (person, timestamp, coalesce(sequence, 0), position);
    CREATE INDEX events_of_list ON events (recommendation) WHERE recommendation IS NOT NULL;
    CREATE TABLE impressions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        recommendation_id TEXT NOT NULL UNIQUE,
        pseudonym TEXT NOT NULL,
        content BLOB NOT NULL
    );
    CREATE INDEX impressions_of_person ON impressions (pseudonym, number);
    CREATE TABLE dead_letters (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        digest BLOB NOT NULL UNIQUE,
        code TEXT NOT NULL,
        pseudonym TEXT NOT NULL,
        content BLOB NOT NULL
    );
    CREATE INDEX dead_letters_of_person ON dead_letters (pseudonym);
    CREATE TABLE marked_events (
        reason TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (reason, position)
    ) WITHOUT ROWID;
    CREATE TABLE marked_people (
        reason TEXT NOT NULL, pseudonym TEXT NOT NULL, PRIMARY KEY (reason, pseudonym)
    ) WITHOUT ROWID;
    CREATE TABLE consent (pseudonym TEXT PRIMARY KEY, profiling INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE corrections (pseudonym TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE item_ids (row INTEGER PRIMARY KEY, item_id TEXT NOT NULL UNIQUE);
    CREATE TABLE items (row INTEGER PRIMARY KEY, item_id TEXT NOT NULL UNIQUE, content BLOB NOT NULL);
    CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO counters VALUES ('catalog_version', 0);
    CREATE TABLE api_keys (
        id TEXT PRIMARY KEY,
        digest BLOB NOT NULL,
        scopes TEXT NOT NULL,
        created REAL NOT NULL,
        revoked REAL
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE cleaning_steps (place INTEGER PRIMARY KEY, content BLOB NOT NULL);
    """,
    """
    CREATE TABLE attributes (pseudonym TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID;
    """,
    """
    ALTER TABLE events ADD COLUMN checks INTEGER;
    ALTER TABLE people ADD COLUMN checks INTEGER;
    UPDATE events SET checks = row_checks(
        position, person, timestamp, sequence, type, item, session, query, value, price, quantity,
        recommendation, rest, event_id, digest
    );
    UPDATE people SET checks = text_check(pseudonym);
    """,
    RULES,
    """
    CREATE TABLE guests (
        guest TEXT NOT NULL, time REAL NOT NULL, pseudonym TEXT NOT NULL, PRIMARY KEY (guest, time)
    ) WITHOUT ROWID;
    CREATE INDEX guests_of_person ON guests (pseudonym);
    """,
    """
    ALTER TABLE consent ADD COLUMN experiments INTEGER NOT NULL DEFAULT 1;
    """,
    """
    CREATE INDEX guests_by_time ON guests (time);
    """,
    """
    CREATE TABLE offers (
        campaign_id TEXT NOT NULL, offer_id TEXT NOT NULL, item_id TEXT NOT NULL,
        starts REAL NOT NULL, ends REAL NOT NULL, discount REAL,
        PRIMARY KEY (campaign_id, offer_id, item_id)
    ) WITHOUT ROWID;
    CREATE TABLE exposures (
        user_id TEXT NOT NULL, campaign_id TEXT NOT NULL, timestamp REAL NOT NULL, held_out INTEGER NOT NULL,
        PRIMARY KEY (user_id, campaign_id, timestamp)
    ) WITHOUT ROWID;
    CREATE TABLE stock (
        item_id TEXT NOT NULL, timestamp REAL NOT NULL, on_hand REAL NOT NULL, lead_time_days REAL,
        PRIMARY KEY (item_id, timestamp)
    ) WITHOUT ROWID;
    INSERT INTO counters VALUES ('offers', 0), ('exposures', 0), ('stock', 0);
    """,
    DECISIONS,
    PRICES,
    FOLLOWS,
)
SCHEMA_VERSION = len(MIGRATIONS)
