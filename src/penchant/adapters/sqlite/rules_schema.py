"""The table of rules: versions are added, and none is ever changed or removed."""

RULES = """
    CREATE TABLE rules (
        version INTEGER PRIMARY KEY,
        time REAL NOT NULL,
        author TEXT NOT NULL,
        note TEXT NOT NULL,
        restores INTEGER NOT NULL,
        document BLOB NOT NULL
    );
    CREATE TRIGGER rules_stay BEFORE UPDATE ON rules BEGIN
        SELECT RAISE(ABORT, 'a version of the rules is never changed');
    END;
    CREATE TRIGGER rules_remain BEFORE DELETE ON rules BEGIN
        SELECT RAISE(ABORT, 'a version of the rules is never removed');
    END;
"""
