"""The table of who follows whom; the greater the number, the newer the pair."""

FOLLOWS = """
    CREATE TABLE follows (
        number INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL, follows TEXT NOT NULL,
        UNIQUE (user_id, follows)
    );
    CREATE INDEX follows_of_followed ON follows (follows);
    INSERT OR IGNORE INTO counters VALUES ('follows', 0);
"""
