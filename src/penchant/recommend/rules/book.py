"""The record of the rules: every change is checked before it is kept, and can be taken back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from penchant.errors import InvalidInput, NotFound
from penchant.recommend.rules.compiled import CompiledRules, compiled
from penchant.recommend.rules.document import InvalidRules, document_of, tables_of
from penchant.recommend.rules.port import RuleEngine, RuleStore, RuleVersion

LONGEST: Final = 500
"""Characters of a name or a note."""


@dataclass(frozen=True, slots=True)
class RuleBook:
    """``clock`` in unix seconds."""

    store: RuleStore
    engine: RuleEngine
    clock: Callable[[], float]

    def compiled(self, document: bytes) -> CompiledRules:
        """Raises InvalidRules."""
        return compiled(document, self.engine)

    def document(self) -> bytes:
        """The newest one; an empty table before the first."""
        newest = self.store.get(self.store.newest())
        return newest.document if newest is not None else document_of([])

    def save(
        self, document: bytes, author: str, *, note: str = "", expected: int | None = None
    ) -> RuleVersion:
        """Keep a document as the newest version; where it is the same already, nothing is added.

        ``expected``: the version that the author saw; None for whatever is the newest.

        Raises:
            InvalidRules, InvalidInput: the document or the author is not usable. Conflict: see ``RuleStore``.
        """
        return self._add(document, author, note, 0, expected)

    def rollback(
        self, version: int, author: str, *, note: str = "", expected: int | None = None
    ) -> RuleVersion:
        """Bring an earlier version back, as a new one. Raises NotFound, and as :meth:`save`."""
        earlier = self.store.get(version)
        if earlier is None:
            raise NotFound(f"there is no version {version} of the rules; the newest is {self.store.newest()}")
        return self._add(earlier.document, author, note, version, expected)

    def _add(
        self, document: bytes, author: str, note: str, restores: int, expected: int | None
    ) -> RuleVersion:
        self.compiled(document)
        if not 0 < len(author.strip()) <= LONGEST or len(note) > LONGEST:
            raise InvalidInput(
                f"the rules need the name of who changes them, and a note at most; up to {LONGEST} characters"
            )
        newest = self.store.newest()
        before = self.store.get(newest)
        if before is not None and before.document == document and expected in (None, newest):
            return before
        change = RuleVersion(
            version=0,
            time=self.clock(),
            author=author.strip(),
            note=note,
            restores=restores,
            document=document,
        )
        return self.store.add(change, newest if expected is None else expected)

    def history(self) -> list[dict[str, Any]]:
        """Every change, newest first: ``version``, ``time``, ``author``, ``note``, ``restores``, and the
        names of rules that it ``added``, ``removed`` and ``changed``."""
        versions = self.store.history()
        earlier = [*(one.document for one in versions[1:]), document_of([])][: len(versions)]
        return [
            {
                "version": one.version, "time": one.time, "author": one.author, "note": one.note,
                "restores": one.restores, **changes(before, one.document),
            }
            for one, before in zip(versions, earlier, strict=True)
        ]  # fmt: skip


def changes(before: bytes, after: bytes) -> dict[str, list[str]]:
    """Names of rules that differ between two documents.

    >>> rows = [{"rule": '"a"', "action": '"exclude"'}]
    >>> changes(document_of([]), document_of(rows))
    {'added': ['a'], 'removed': [], 'changed': []}
    """
    old, new = _rows(before), _rows(after)
    return {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed": [name for name in new if name in old and old[name] != new[name]],
    }


def _rows(document: bytes) -> dict[str, Mapping[str, str]]:
    """Cells of each rule by the names of their columns: their order and ids do not matter."""
    found: dict[str, Mapping[str, str]] = {}
    try:
        tables = tables_of(document)
    except InvalidRules:  # Of a newer version.
        return {}
    for table in tables:
        columns = {column.id: column.field or column.title for column in (*table.inputs, *table.outputs)}
        for row in table.rows:
            cells = {columns[name]: cell.strip() for name, cell in row.items() if cell.strip()}
            found[cells.get("rule", "").strip("\"'")] = cells | {"first": str(table.first)}
    return found
