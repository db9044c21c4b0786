"""Chunks of a table: what every file format gives, and the port that gives them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

CHUNK_ROWS = 20_000
CHUNK_CHARACTERS = 32 * 1024 * 1024
MAX_LINE = 64 * 1024 * 1024


class Unreadable(msgspec.Struct, frozen=True):
    """A row whose columns cannot be told apart. Its text is not kept: it may hold a person's id."""

    row: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a table, either as ``columns`` of equal length or as ``records``.

    Attributes:
        rows: number of each row in the file. CSV counts its header as row 1, as a spreadsheet does;
            JSON lines count lines; Parquet counts rows from 1.
        done: bytes of the file read so far, for a progress bar.
    """

    rows: Sequence[int]
    columns: Mapping[str, list[Any]] | None
    records: list[Any] | None
    unreadable: list[Unreadable]
    done: int


class Source(Protocol):
    """An opened table file."""

    @property
    def path(self) -> Path: ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns; for JSON lines those of the first lines."""
        ...

    @property
    def total(self) -> int:
        """Size of the file in bytes."""
        ...

    def chunks(self) -> Iterator[Chunk]:
        """All rows in order, from the beginning at each call.

        Raises:
            InvalidInput: the rest of the file cannot be read.
        """
        ...
