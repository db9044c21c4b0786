"""The catalogue in use: changes go through here, requests read the view, models read the vectors."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from threading import RLock
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from penchant.catalog.encoder import TextEncoder, VectorCache
from penchant.catalog.guarded import AGAIN
from penchant.catalog.ids import IdTable
from penchant.catalog.queries import QueryVectors
from penchant.catalog.store import ItemStore
from penchant.catalog.texts import TextTable, TextVectors, empty_table
from penchant.catalog.view import CatalogView, empty_view, view_of
from penchant.errors import EncoderGone, StorageError
from penchant.types import Item


class Catalog:
    """Items, their id rows and the vectors of their texts, kept together.

    A change made here is in the next :meth:`view`. A change made by another process is found by the
    store's version, unless that process tells of it: see :meth:`heard`. Safe to use from several threads.
    """

    def __init__(
        self,
        store: ItemStore,
        ids: IdTable,
        encoder: TextEncoder,
        cache: VectorCache,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._ids = ids
        self._lock = RLock()
        self._view = empty_view()
        self._texts = TextVectors(encoder, cache)
        self.queries = QueryVectors(encoder)
        self._table = empty_table(encoder.dim)
        self._table_version: int | None = None
        self._clock = clock
        self._again = 0.0
        self._told = False

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
                with suppress(EncoderGone):  # The items are in; their texts are read when it is back.
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

    def heard(self, item_ids: Sequence[str]) -> None:
        """Take in what another process has changed: these items. From now on nothing else is looked for.

        Reading everything again for each item would take a large shop seconds.
        """
        with self._lock:
            version, before = self._store.version(), self._view
            if version == before.version + 1:
                rows, items = self._ids.rows(item_ids).tolist(), self._store.many(item_ids)
                named = zip(rows, item_ids, strict=True)
                self._advance(before, {row: items.get(name) for row, name in named if row >= 0}, embed=True)
            elif version != before.version:
                self._view = self._read(version)
            self._told = True

    def view(self) -> CatalogView:
        """The catalogue as it is now. Costs one look at the store's version if nothing changed.

        While somebody else changes it, or the store cannot be read, it is what was there before: a change may
        wait for a slow disk or for a language model, and nobody who wants a list waits with it.

        Raises:
            StorageError: the store cannot be read, and never was.
        """
        if self._told:
            return self._view
        if not self._lock.acquire(blocking=self._view.version < 0):
            return self._view
        try:
            version = self._store.version()
            if version != self._view.version:
                self._view = self._read(version)
        except StorageError:
            if self._view.version < 0:
                raise
        finally:
            self._lock.release()
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

    def text_table(
        self, progress: Callable[[int, int], None] | None = None, *, whole: bool = True
    ) -> TextTable:
        """Vectors of all distinct texts and the text of each id row.

        Equal texts are read once, known ones not at all. ``progress`` gets (done, all) texts. An
        interrupted run keeps what it has. While the catalogue does not change this costs nothing.

        Raises:
            EncoderGone: texts cannot be read, and it must be ``whole``. If not, those count as none, and they
                are tried again some seconds later.
        """
        with self._lock:
            version, size = self.view().version, len(self._ids)
            again = self.unread and (whole or self._clock() >= self._again)
            if self._table_version != version or len(self._table.slot) < size or again:
                items = list(self._store.all())
                rows = self._ids.rows([item.item_id for item in items])
                texts = dict.fromkeys(range(len(self._table.slot)), "")
                texts.update({row: item.text() for row, item in _by_row(rows, items).items()})
                before = replace(self._table, unread=False)
                self._table = before.patched(texts, size, self._texts, progress, whole=whole)
                self._table_version, self._again = version, self._clock() + AGAIN
            return self._table

    @property
    def unread(self) -> bool:
        """Texts are left that could not be read."""
        return self._table.unread

    def texts_at_hand(self) -> TextTable:
        """The same for an answer: what is there now, while somebody else reads texts or none can be read."""
        if not self._lock.acquire(blocking=self._table_version is None):
            return self._table
        try:
            return self.text_table(whole=False)
        except StorageError:
            return self._table
        finally:
            self._lock.release()

    def _advance(self, before: CatalogView, items: Mapping[int, Item | None], *, embed: bool) -> None:
        """Patch view and vectors with our own change instead of reading everything again."""
        table = self._ids.item_ids() if len(before.ids) < len(self._ids) else before.ids
        self._view = before.patched(self._store.version(), table[len(before.ids) :], items)
        if embed and self._table_version == before.version:
            texts = {row: item.text() if item else "" for row, item in items.items()}
            self._table = self._table.patched(texts, len(self._ids), self._texts, whole=False)
            self._table_version = self._view.version

    def _read(self, version: int) -> CatalogView:
        items = list(self._store.all())
        rows = self._ids.rows([item.item_id for item in items])
        return view_of(version, self._ids.item_ids(), _by_row(rows, items))


def _by_row(rows: NDArray[np.int32], items: Iterable[Item]) -> dict[int, Item]:
    """Items by row; one that never got a row cannot be served and waits for the id table."""
    return {int(row): item for row, item in zip(rows, items, strict=True) if row >= 0}
