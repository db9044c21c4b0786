"""What every store of people's attributes must do. A new one inherits the class and supplies a fixture."""

from penchant.events.attributes import AttributeStore, ConsentedAttributes
from penchant.privacy.consent import Consent
from penchant.testing.fakes import InMemoryConsent
from penchant.testing.log_contract import ANNA, BOB

CITY, CLUB = {"city": "Zürich", "plan": "gold"}, {"club": "yes"}


class AttributesContract:
    """Tests of :class:`~penchant.events.attributes.AttributeStore`.

    A subclass gives the fixture ``attributes`` (empty), and overrides ``reopened`` where it is durable.
    """

    def reopened(self, attributes: AttributeStore) -> AttributeStore:
        """The store as another process finds it after a restart."""
        return attributes

    def test_they_come_back_whole_and_a_stranger_has_none(self, attributes: AttributeStore) -> None:
        assert attributes.replace({ANNA: CITY, BOB: CLUB}) == 2
        later = self.reopened(attributes)
        assert (later.attributes_of(ANNA), later.attributes_of(BOB), later.count()) == (CITY, CLUB, 2)
        assert later.many([BOB, ANNA, BOB]) == {ANNA: CITY, BOB: CLUB}

    def test_of_a_stranger_nothing_is_known(self, attributes: AttributeStore) -> None:
        attributes.replace({BOB: CLUB})
        assert attributes.attributes_of(ANNA) == {}
        assert attributes.many([ANNA]) == attributes.many([]) == {}

    def test_new_ones_replace_all_of_the_person_and_nothing_of_others(
        self, attributes: AttributeStore
    ) -> None:
        attributes.replace({ANNA: CITY, BOB: CLUB})
        assert attributes.replace({ANNA: {"city": "Bern"}}) == 1
        later = self.reopened(attributes)
        assert (later.attributes_of(ANNA), later.attributes_of(BOB)) == ({"city": "Bern"}, CLUB)

    def test_only_a_change_counts(self, attributes: AttributeStore) -> None:
        attributes.replace({ANNA: CITY})
        again = dict(reversed(CITY.items()))
        assert attributes.replace({ANNA: again, BOB: {}}) == 0
        assert attributes.replace({ANNA: CITY, BOB: CLUB}) == 1
        assert attributes.replace({}) == 0

    def test_none_is_a_removal(self, attributes: AttributeStore) -> None:
        attributes.replace({ANNA: CITY, BOB: CLUB})
        assert attributes.replace({ANNA: {}}) == 1
        later = self.reopened(attributes)
        assert (later.attributes_of(ANNA), later.many([ANNA, BOB]), later.count()) == ({}, {BOB: CLUB}, 1)

    def test_what_is_handed_out_and_in_is_not_shared(self, attributes: AttributeStore) -> None:
        given = dict(CITY)
        attributes.replace({ANNA: given})
        given["city"] = "Bern"
        assert attributes.attributes_of(ANNA) == CITY

    def test_who_opted_out_has_none_for_training_and_lists(self, attributes: AttributeStore) -> None:
        attributes.replace({ANNA: CITY, BOB: CLUB})
        consent = InMemoryConsent()
        seen = ConsentedAttributes(attributes, consent)
        assert seen.of_each([BOB, ANNA]) == [CLUB, CITY]
        consent.set(ANNA, Consent(profiling=False))
        assert seen.of_each([BOB, ANNA]) == [CLUB, {}]
        assert (seen.attributes_of(ANNA), seen.attributes_of(BOB)) == ({}, CLUB)
        consent.set(ANNA, Consent(profiling=True))
        assert seen.attributes_of(ANNA) == CITY
