"""The catalogue in use: changes go through here, requests read the view, models read the vectors."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.encoder import TextEncoder, VectorCache
from penchant.catalog.ids import IdTable
from penchant.catalog.queries import QueryVectors
from penchant.catalog.store import ItemStore
from penchant.catalog.texts import TextTable, TextVectors, empty_table
from penchant.catalog.view import CatalogView, empty_view, view_of
from penchant.types import Item


class Catalog:
    """Items, their id rows and the vectors of their texts, kept together.

    A change made here is in the next :meth:`view`. A change made by another process is found by the
    store's version. Safe to use from several threads.
    """

    def __init__(self, store: ItemStore, ids: IdTable, encoder: TextEncoder, cache: VectorCache) -> None:
        self._store = store
        self._ids = ids
        self._lock = RLock()
        self._view = empty_view()
        self._texts = TextVectors(encoder, cache)
        self.queries = QueryVectors(encoder)
        self._table = empty_table(encoder.dim)
        self._table_version: int | None = None

    @property
    def encoder(self) -> TextEncoder:
        """What reads the texts; queries must be read by the same."""
        return self._texts.encoder

    def upsert(self, items: Sequence[Item], *, embed: bool = True) -> int:
        """Add or replace items; returns how many differ from before. Durable when this returns.

        With ``embed`` the vectors of new texts are made and cached at once (a request through HTTP);
        an import of a whole feed leaves that to :meth:`text_vectors`, in larger batches.
        """
        with self._lock:
            before = self.view()
            rows = self._ids.assign([item.item_id for item in items])
            changed = self._store.upsert(items)
            if embed:
                self._texts.of(list({item.text(): None for item in items if item.text()}))
            self._advance(before, _by_row(rows, items), embed=embed)
            return changed

    def delete(self, item_ids: Sequence[str]) -> int:
        """Take items out; returns how many were there. Their id rows stay taken."""
        with self._lock:
            before = self.view()
            rows = self._ids.rows(item_ids)
            gone = self._store.delete(item_ids)
            self._advance(before, {int(row): None for row in rows if row >= 0}, embed=True)
            return gone

    def view(self) -> CatalogView:
        """The catalogue as it is now. Costs one look at the store's version if nothing changed."""
        with self._lock:
            version = self._store.version()
            if version != self._view.version:
                self._view = self._read(version)
            return self._view

    def get(self, item_id: str) -> Item | None:
        """One item, or None."""
        return self._store.get(item_id)

    def many(self, item_ids: Sequence[str]) -> dict[str, Item]:
        """The items that there are among ``item_ids``."""
        return self._store.many(item_ids)

    def text_vectors(self, progress: Callable[[int, int], None] | None = None) -> NDArray[np.float32]:
        """Vector of every id row's text, shape (rows in the id table, dim); zeros where there is none.

        See :meth:`text_table`, which keeps equal texts once.
        """
        return self.text_table(progress).by_row()

    def prices(self, length: int) -> NDArray[np.float32]:
        """Price of each of the first ``length`` id rows, (length,); NaN where there is none."""
        price = self.view().price[:length]
        return np.concatenate([price, np.full(length - len(price), np.nan, np.float32)])

    def text_table(self, progress: Callable[[int, int], None] | None = None) -> TextTable:
        """Vectors of all distinct texts and the text of each id row.

        Equal texts are read once, known ones not at all. ``progress`` gets (done, all) texts. An
        interrupted run keeps what it has. While the catalogue does not change this costs nothing.
        """
        with self._lock:
            version, size = self.view().version, len(self._ids)
            if self._table_version != version or len(self._table.slot) < size:
                items = list(self._store.all())
                rows = self._ids.rows([item.item_id for item in items])
                texts = dict.fromkeys(range(len(self._table.slot)), "")
                texts.update({row: item.text() for row, item in _by_row(rows, items).items()})
                self._table = self._table.patched(texts, size, self._texts, progress)
                self._table_version = version
            return self._table

    def _advance(self, before: CatalogView, items: Mapping[int, Item | None], *, embed: bool) -> None:
        """Patch view and vectors with our own change instead of reading everything again."""
        table = self._ids.item_ids() if len(before.ids) < len(self._ids) else before.ids
        self._view = before.patched(self._store.version(), table[len(before.ids) :], items)
        if embed and self._table_version == before.version:
            texts = {row: item.text() if item else "" for row, item in items.items()}
            self._table = self._table.patched(texts, len(self._ids), self._texts)
            self._table_version = self._view.version

    def _read(self, version: int) -> CatalogView:
        items = list(self._store.all())
        rows = self._ids.rows([item.item_id for item in items])
        return view_of(version, self._ids.item_ids(), _by_row(rows, items))


def _by_row(rows: NDArray[np.int32], items: Iterable[Item]) -> dict[int, Item]:
    """Items by row; one that never got a row cannot be served and waits for the id table."""
    return {int(row): item for row, item in zip(rows, items, strict=True) if row >= 0}
