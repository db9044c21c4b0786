"""What may train."""

import pytest

from penchant.learn.data import training_data
from penchant.privacy.consent import Consent
from penchant.settings import CleaningSettings
from penchant.testing.fakes import InMemoryAttributes, InMemoryConsent, InMemoryIds, InMemoryLog
from penchant.types import Event, EventType, Pseudonym

NOW = 2e9
ASKED = {"anna": ["an illness", "tea"], "ben": ["tea", None, "jam", "tea"]}


def search(person: str, place: int, query: str | None) -> Event:
    return Event(
        user_id=person, type=EventType.SEARCH, timestamp=1.7e9 + 60 * place, query=query,
        event_id=f"{person} {place}",
    )  # fmt: skip


@pytest.mark.parametrize("out", ["anna", "ben", "nobody"])
def test_what_people_who_opted_out_searched_for_is_not_read(out: str) -> None:
    log, consent = InMemoryLog(), InMemoryConsent()
    log.append([search(person, *one) for person, texts in ASKED.items() for one in enumerate(texts)])
    consent.set(Pseudonym(out), Consent(profiling=False))
    data = training_data(log, InMemoryIds(), CleaningSettings(), consent, InMemoryAttributes(), until=NOW)
    left = [query for person in data.people for query in ASKED[person]]
    assert sorted(data.queries) == sorted({query for query in left if query})
    assert [data.queries[row] if row >= 0 else None for row in data.histories.queries] == left


def test_each_person_row_has_its_attributes_and_who_opted_out_none() -> None:
    log, consent, attributes = InMemoryLog(), InMemoryConsent(), InMemoryAttributes()
    log.append([search(person, 0, "tea") for person in ("anna", "ben", "cleo", "dora")])
    known = {Pseudonym(person): {"city": f"{person}ville"} for person in ("dora", "anna", "cleo", "eve")}
    attributes.replace(known)
    consent.set(Pseudonym("cleo"), Consent(profiling=False))
    data = training_data(log, InMemoryIds(), CleaningSettings(), consent, attributes, until=NOW)
    assert len(data.attributes) == len(data.people) == data.histories.people
    assert dict(zip(data.people, data.attributes, strict=True)) == {
        "anna": {"city": "annaville"}, "ben": {}, "dora": {"city": "doraville"},
    }  # fmt: skip
    assert "cleoville" not in repr(data)


def test_what_a_fast_clock_says_waits_for_its_time() -> None:
    log, consent, place = InMemoryLog(), InMemoryConsent(), 3
    log.append([search("anna", n, f"{n} teas") for n in range(5)])
    now = 1.7e9 + 60 * place
    data = training_data(log, InMemoryIds(), CleaningSettings(), consent, InMemoryAttributes(), until=now)
    assert (data.queries, data.log_position) == ([f"{n} teas" for n in range(place + 1)], 5)
