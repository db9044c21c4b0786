"""What every store of who follows whom must do. A new one inherits the class."""

from penchant.events.follows import Follow, FollowStore
from penchant.testing.log_contract import ANNA, BOB
from penchant.types import Pseudonym

ZOE = Pseudonym("2e" * 16)


def pair(one: Pseudonym, other: Pseudonym, removed: bool = False) -> Follow:
    """That one follows another."""
    return Follow(user_id=one, follows=other, removed=removed)


class FollowsContract:
    """Tests of :class:`~penchant.events.follows.FollowStore`.

    A subclass gives the fixture ``follows`` (empty), and overrides ``reopened`` where it is durable.
    """

    def reopened(self, follows: FollowStore) -> FollowStore:
        """The store as another process finds it after a restart."""
        return follows

    def test_pairs_come_back_in_their_order_and_go_one_way(self, follows: FollowStore) -> None:
        assert not follows.any()
        assert follows.put([pair(ANNA, ZOE), pair(BOB, ANNA), pair(ANNA, BOB)]) == 3
        follows = self.reopened(follows)
        assert follows.any()
        assert follows.all() == [pair(ANNA, ZOE), pair(BOB, ANNA), pair(ANNA, BOB)]
        assert follows.of_person(ANNA) == [BOB, ZOE]
        assert follows.of_person(ANNA, 1) == [BOB]
        assert (follows.of_person(BOB), follows.of_person(ZOE)) == ([ANNA], [])

    def test_again_changes_nothing_and_what_is_removed_goes(self, follows: FollowStore) -> None:
        follows.put([pair(ANNA, BOB)])
        before = follows.version()
        assert follows.put([pair(ANNA, BOB), pair(ANNA, ZOE, removed=True)]) == 0
        assert follows.version() == before
        assert follows.put([pair(ANNA, BOB, removed=True)]) == 1
        assert follows.version() != before
        assert follows.all() == []

    def test_the_last_row_of_a_pair_holds_and_nobody_follows_themselves(self, follows: FollowStore) -> None:
        assert follows.put([pair(ANNA, BOB, removed=True), pair(ANNA, BOB), pair(ANNA, ANNA)]) == 1
        assert follows.put([pair(ANNA, BOB), pair(ANNA, BOB, removed=True)]) == 1
        assert not follows.any()

    def test_a_whole_list_takes_the_place_of_the_one_before(self, follows: FollowStore) -> None:
        follows.put([pair(ANNA, BOB), pair(BOB, ANNA)])
        assert follows.replace(ANNA, [BOB, ZOE, ZOE, ANNA]) == 1
        assert follows.of_person(ANNA) == [ZOE, BOB]
        assert follows.replace(ANNA, [ZOE]) == 1
        assert follows.replace(ANNA, [ZOE]) == 0
        assert follows.all() == [pair(BOB, ANNA), pair(ANNA, ZOE)]
        assert follows.replace(ANNA, []) == 1
        assert follows.of_person(ANNA) == []

    def test_which_pairs_are_there(self, follows: FollowStore) -> None:
        follows.put([pair(ANNA, BOB)])
        asked = [pair(ANNA, BOB), pair(BOB, ANNA), pair(ANNA, BOB, removed=True)]
        assert follows.holds(asked) == [True, False, True]
        assert follows.holds([]) == []
