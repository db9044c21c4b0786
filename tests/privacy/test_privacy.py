import re
import stat

import pytest

from penchant.errors import InvalidInput, NotFound, ShopError, StorageError
from penchant.privacy.consent import Consent
from penchant.privacy.keys import Keys
from penchant.privacy.ledger import Ledger
from penchant.privacy.pseudonyms import Pseudonymizer, make_key, read_key
from penchant.privacy.rights import Rights
from penchant.testing.fakes import InMemoryConsent, InMemoryDeadLetters, InMemoryLog
from penchant.testing.log_contract import ANNA, BOB, event

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))


# Pseudonyms


def test_a_pseudonym_is_128_bits_of_a_keyed_hash():
    hide = Pseudonymizer(KEY)
    users = [f"user-{n}" for n in range(2000)]
    names = hide.pseudonyms(users)
    assert len(set(names)) == 2000
    assert all(re.fullmatch("[0-9a-f]{32}", name) for name in names)
    assert names == [Pseudonymizer(KEY).pseudonym(user) for user in users]
    assert not set(names) & set(Pseudonymizer(OTHER_KEY).pseudonyms(users))


def test_forgetting_the_cache_changes_no_pseudonym():
    hide = Pseudonymizer(KEY)
    before = hide.pseudonym("anna")
    hide.forget()
    assert hide.pseudonym("anna") == before


def test_odd_ids_have_pseudonyms_of_their_own():
    odd = ["", " ", "anna", "Anna", "anna ", "\u00e4nna", "a\u0308nna", "\ud800", "\x00", "x" * 10_000]
    assert len(set(Pseudonymizer(KEY).pseudonyms(odd))) == len(odd)


def test_the_key_file_is_private_random_and_never_overwritten(tmp_path):
    make_key(tmp_path / "one.key")
    make_key(tmp_path / "two.key")
    key = read_key(tmp_path / "one.key")
    assert len(key) == 32
    assert key != read_key(tmp_path / "two.key")
    assert stat.S_IMODE((tmp_path / "one.key").stat().st_mode) == 0o600
    with pytest.raises(ShopError, match="exists already"):
        make_key(tmp_path / "one.key")
    assert read_key(tmp_path / "one.key") == key


@pytest.mark.parametrize("content", [None, b"", b"no hex", b"\xff\xfe", b"abcd"])
def test_a_missing_or_damaged_key_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "secret.key").write_bytes(content)
    with pytest.raises(ShopError, match="key"):
        Pseudonymizer(read_key(tmp_path / "secret.key"))


# Ledger


@pytest.fixture
def path(tmp_path):
    return tmp_path / "erased.ledger"


def test_what_is_older_than_the_erasure_is_refused_and_later_events_are_not(path):
    ledger = Ledger(path, KEY)
    assert ledger.obeys(ANNA, 5.0)
    ledger.begin(ANNA, 100.0)
    for one in (ledger, Ledger(path, KEY)):
        assert not one.obeys(ANNA, 99.0)
        assert not one.obeys(ANNA, 100.0)
        assert one.obeys(ANNA, 101.0)
        assert one.obeys(BOB, 5.0)


def test_the_newest_erasure_counts_even_if_the_clock_went_back(path):
    ledger = Ledger(path, KEY)
    for now in (100.0, 300.0, 200.0):
        ledger.begin(ANNA, now)
        ledger.finish(ANNA, now)
    assert not Ledger(path, KEY).obeys(ANNA, 250.0)


def test_the_ledger_names_nobody(path):
    Ledger(path, KEY).begin(ANNA, 100.0)
    Ledger(path.with_name("other"), OTHER_KEY).begin(ANNA, 100.0)
    assert ANNA.encode() not in path.read_bytes()
    assert path.read_bytes() != path.with_name("other").read_bytes()


def test_only_what_was_not_finished_is_pending(path):
    ledger = Ledger(path, KEY)
    ledger.begin(ANNA, 1.0)
    ledger.begin(BOB, 2.0)
    ledger.finish(ANNA, 1.0)
    for one in (ledger, Ledger(path, KEY)):
        assert one.pending
        assert one.unfinished([ANNA, BOB]) == [BOB]
    ledger.finish(BOB, 2.0)
    assert not Ledger(path, KEY).pending


def test_a_torn_last_line_loses_neither_what_was_before_nor_what_comes_after(path):
    Ledger(path, KEY).begin(ANNA, 100.0)
    whole = path.read_bytes()
    Ledger(path, KEY).begin(BOB, 100.0)
    line = path.read_bytes()[len(whole) :]
    for cut in range(len(line)):
        path.write_bytes(whole + line[:cut])
        ledger = Ledger(path, KEY)
        assert not ledger.obeys(ANNA, 50.0)
        assert ledger.obeys(BOB, 50.0)
        ledger.begin(BOB, 200.0)
        again = Ledger(path, KEY)
        assert not again.obeys(ANNA, 50.0)
        assert not again.obeys(BOB, 150.0)


def test_a_damaged_line_before_the_last_is_refused_by_number(path):
    Ledger(path, KEY).begin(ANNA, 100.0)
    Ledger(path, KEY).begin(BOB, 100.0)
    path.write_bytes(path.read_bytes().replace(b"begun", b"b\xffgun", 1))
    with pytest.raises(ShopError, match="line 1"):
        Ledger(path, KEY)


def test_a_disk_that_refuses_stops_the_erasure_before_it_begins(tmp_path):
    ledger = Ledger(tmp_path / "nowhere" / "erased.ledger", KEY)
    log = InMemoryLog()
    log.append([event("1")])
    with pytest.raises(StorageError):
        Rights([log], InMemoryConsent(), ledger).erase(ANNA, 5.0)
    assert log.count() == 1


# Rights


class Breaks:
    """A store whose first erasure is cut off."""

    erasable_name = "breaks"

    def __init__(self):
        self.left = 1

    def export_person(self, person):
        return []

    def erase_person(self, person):
        self.left -= 1
        if self.left >= 0:
            raise StorageError("cut off")
        return 0


def test_the_export_names_pseudonym_consent_and_all_that_is_held(path):
    log, consent = InMemoryLog(), InMemoryConsent()
    log.append([event("1", query="tea"), event("2", BOB)])
    consent.set(ANNA, Consent(profiling=False))
    exported = Rights([consent, log], consent, Ledger(path, KEY)).export(ANNA)
    assert exported["pseudonym"] == ANNA
    assert exported["consent"] == {"profiling": False, "experiments": True}
    assert [one["query"] for one in exported["held"]["events"]] == ["tea"]
    assert exported["held"]["consent"] == [{"profiling": False, "experiments": True}]


def test_erasure_says_what_it_removed_and_takes_consent_along(path):
    log, consent, letters = InMemoryLog(), InMemoryConsent(), InMemoryDeadLetters()
    log.append([event("1"), event("2"), event("3", BOB)])
    consent.set(ANNA, Consent(profiling=False))
    rights = Rights([consent, letters, log], consent, Ledger(path, KEY))
    assert rights.erase(ANNA, 5.0).removed == {"consent": 1, "dead-letters": 0, "events": 2}
    assert rights.export(ANNA)["held"] == {"consent": [], "dead-letters": [], "events": []}
    assert consent.get(ANNA) == Consent()
    assert log.count() == 1
    assert sum(rights.erase(ANNA, 6.0).removed.values()) == 0


def test_an_erasure_that_was_cut_off_is_finished_at_the_next_start(path):
    log, breaks = InMemoryLog(), Breaks()
    log.append([event("1"), event("2", BOB)])
    rights = Rights([breaks, log], InMemoryConsent(), Ledger(path, KEY))
    with pytest.raises(StorageError):
        rights.erase(ANNA, 5.0)
    assert log.count() == 2
    restarted = Ledger(path, KEY)
    assert not restarted.obeys(ANNA, 1.0)
    done = Rights([breaks, log], InMemoryConsent(), restarted).resume(list(log.people()), 9.0)
    assert [one.pseudonym for one in done] == [ANNA]
    assert list(log.people()) == [BOB]
    assert not Ledger(path, KEY).pending
    assert Rights([log], InMemoryConsent(), Ledger(path, KEY)).resume([ANNA, BOB], 10.0) == []


# Keys


class Store:
    def __init__(self):
        self.kept = {}

    def add(self, key):
        self.kept[key.id] = key

    def all(self):
        return list(self.kept.values())

    def get(self, key_id):
        return self.kept.get(key_id)

    def revoke(self, key_id, now):
        key = self.kept.get(key_id)
        if key is None or key.revoked is not None:
            return False
        self.kept[key_id] = type(key)(
            id=key.id, digest=key.digest, scopes=key.scopes, created=key.created, revoked=now
        )
        return True


def test_a_key_opens_its_scopes_until_it_is_revoked():
    keys = Keys(Store())
    token, other = keys.create(["events", "read"], 1.0), keys.create(["admin"], 2.0)
    assert keys.verify(token) == {"events", "read"}
    keys.revoke(token.split("_")[1], 3.0)
    assert keys.verify(token) is None
    assert keys.verify(other) == {"admin"}
    with pytest.raises(NotFound):
        keys.revoke(token.split("_")[1], 4.0)


def test_the_secret_is_kept_nowhere():
    store = Store()
    token = Keys(store).create(["read"], 1.0)
    (kept,) = store.all()
    _, _, secret = token.split("_", 2)
    assert secret not in repr(kept)
    assert len(secret) >= 32


def test_no_other_text_is_a_key():
    keys = Keys(Store())
    token = keys.create(["admin"], 1.0)
    _, key_id, secret = token.split("_", 2)
    wrong = [
        "", "pk", "pk__", f"pk_{key_id}", f"pk_{key_id}_", f"pk_{key_id}_{secret}x",
        f"pk_{key_id}_{secret[:-1]}",
        f"xx_{key_id}_{secret}", f"pk_00000000_{secret}", token.upper(), token + "\n", "pk_\ud800_é", "_" * 9,
    ]  # fmt: skip
    assert [text for text in wrong if keys.verify(text) is not None] == []


@pytest.mark.parametrize("scopes", [[], ["root"], ["read", "root"], [""]])
def test_unknown_scopes_are_refused(scopes):
    with pytest.raises(InvalidInput, match="scope"):
        Keys(Store()).create(scopes, 1.0)
