"""Tables of decisions: steps are added and never changed; what was offered to people goes with them."""

DECISIONS = """
    CREATE TABLE decision_steps (
        number INTEGER PRIMARY KEY AUTOINCREMENT, decision TEXT NOT NULL, content BLOB NOT NULL
    );
    CREATE INDEX steps_of_decision ON decision_steps (decision, number);
    CREATE TRIGGER decision_steps_stay BEFORE UPDATE ON decision_steps BEGIN
        SELECT RAISE(ABORT, 'a step of a decision is never changed');
    END;
    CREATE TRIGGER decision_steps_remain BEFORE DELETE ON decision_steps BEGIN
        SELECT RAISE(ABORT, 'a step of a decision is never removed');
    END;
    CREATE TABLE decisions_now (
        number INTEGER PRIMARY KEY,
        decision TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        state TEXT NOT NULL,
        due TEXT NOT NULL
    );
    CREATE INDEX decisions_by_state ON decisions_now (state, number);
    CREATE INDEX decisions_by_subject ON decisions_now (subject, kind);
    CREATE TABLE offered (
        decision TEXT NOT NULL,
        pseudonym TEXT NOT NULL,
        time REAL NOT NULL,
        content BLOB NOT NULL,
        PRIMARY KEY (decision, pseudonym)
    ) WITHOUT ROWID;
    CREATE INDEX offered_to_person ON offered (pseudonym);
"""
