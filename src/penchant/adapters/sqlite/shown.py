"""A few of very many shown lists, spread over a time."""

import msgspec

from penchant.adapters.sqlite.database import Database
from penchant.types import Impression

_decoder = msgspec.json.Decoder(Impression)


class SqliteShown:
    """:class:`~penchant.recommend.rules.dryrun.ShownSample`. Lists are numbered nearly in order of time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sample(self, since: float, most: int) -> list[Impression]:
        first, last = self._first(since), self.newest()
        count = last - first + 1
        numbers = (
            range(first, last + 1) if count <= most else (first + n * count // most for n in range(most))
        )
        found = {one.recommendation_id: one for number in numbers if (one := self._from(number)) is not None}
        return [one for one in found.values() if one.timestamp >= since]

    def _first(self, since: float) -> int:
        """Number of the first list since then, by halving."""
        low, high = 1, self.newest() + 1
        while low < high:
            middle = (low + high) // 2
            one = self._from(middle)
            if one is None or one.timestamp >= since:
                high = middle
            else:
                low = middle + 1
        return low

    def newest(self) -> int:
        """Number of the newest list; 0 for none."""
        return int(str(self._database.read("SELECT coalesce(max(number), 0) FROM impressions")[0][0]))

    def _from(self, number: int) -> Impression | None:
        """The list of that number, or the next one where it was erased."""
        rows = self._database.read(
            "SELECT content FROM impressions WHERE number >= ? ORDER BY number LIMIT 1", [number]
        )
        return _decoder.decode(bytes(rows[0][0])) if rows else None  # type: ignore[arg-type]
