"""What every store of personal data must do. A new store inherits the class and supplies one fixture."""

from collections.abc import Callable
from typing import Any

import msgspec

from penchant.privacy.erasure import Erasable
from penchant.types import Pseudonym

Fill = Callable[[Pseudonym], None]

VICTIM = Pseudonym("5e" * 16)
OTHER = Pseudonym("0f" * 16)


class ErasableContract:
    """Tests of :class:`~penchant.privacy.erasure.Erasable`.

    A subclass gives the fixture ``held``: the store, and a function that puts something on a person in it.
    """

    def test_it_is_erasable_and_has_a_name(self, held: tuple[Erasable, Fill]) -> None:
        store, _ = held
        assert isinstance(store, Erasable)
        assert store.erasable_name == store.erasable_name.strip().lower() != ""

    def test_a_stranger_has_nothing(self, held: tuple[Erasable, Fill]) -> None:
        store, fill = held
        fill(OTHER)
        assert store.export_person(VICTIM) == []
        assert store.erase_person(VICTIM) == 0
        assert store.export_person(OTHER)

    def test_the_export_is_json_and_the_persons_own(self, held: tuple[Erasable, Fill]) -> None:
        store, fill = held
        fill(VICTIM)
        fill(OTHER)
        exported: list[dict[str, Any]] = store.export_person(VICTIM)
        assert exported
        text = msgspec.json.encode(exported)
        assert len(msgspec.json.decode(text)) == len(exported)
        assert OTHER.encode() not in text

    def test_erasure_removes_all_of_one_person_once(self, held: tuple[Erasable, Fill]) -> None:
        store, fill = held
        fill(VICTIM)
        fill(OTHER)
        before = store.export_person(OTHER)
        assert store.erase_person(VICTIM) > 0
        assert store.export_person(VICTIM) == []
        assert store.erase_person(VICTIM) == 0
        assert store.export_person(OTHER) == before

    def test_what_comes_later_starts_from_nothing(self, held: tuple[Erasable, Fill]) -> None:
        store, fill = held
        fill(VICTIM)
        once = len(store.export_person(VICTIM))
        store.erase_person(VICTIM)
        fill(VICTIM)
        assert len(store.export_person(VICTIM)) == once

    def test_no_other_name_finds_a_person(self, held: tuple[Erasable, Fill]) -> None:
        store, fill = held
        fill(VICTIM)
        for name in ("", "%", VICTIM[:-1], VICTIM.upper(), "' OR 1=1 --"):
            assert store.erase_person(Pseudonym(name)) == 0
        assert store.export_person(VICTIM)
