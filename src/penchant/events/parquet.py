"""Parquet files as chunks of plain Python values."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from penchant.errors import InvalidInput
from penchant.events.chunks import CHUNK_CHARACTERS, CHUNK_ROWS, Chunk

_BUFFER = 1024 * 1024
"""Bytes of each column that are read at once; without it, all that a row group has of the column."""


@dataclass(frozen=True, slots=True)
class ParquetSource:
    """A Parquet file, read a batch at a time."""

    path: Path
    chunk_rows: int = CHUNK_ROWS
    columns: tuple[str, ...] = field(init=False)
    total: int = field(init=False)

    def __post_init__(self) -> None:
        try:
            with pq.ParquetFile(self.path) as file:
                schema = file.schema_arrow
        except (pa.ArrowException, OSError) as error:
            raise InvalidInput(f"{self.path.name}: not a readable Parquet file: {_first(error)}") from error
        for column in schema:
            if not _plain(column.type):
                raise InvalidInput(
                    f"{self.path.name}: column {column.name!r} has the unknown type {column.type}; text, "
                    "numbers, bools and times can be read. Flatten it or leave it out."
                )
        if len(set(schema.names)) < len(schema.names):
            raise InvalidInput(f"{self.path.name}: a column is named twice; each needs a name of its own")
        object.__setattr__(self, "columns", tuple(schema.names))
        object.__setattr__(self, "total", self.path.stat().st_size)

    def chunks(self) -> Iterator[Chunk]:
        first = 1
        try:
            with pq.ParquetFile(self.path, buffer_size=_BUFFER, pre_buffer=False) as file:
                rows = max(file.metadata.num_rows, 1)
                for batch in file.iter_batches(self._rows_at_once(file.metadata), use_threads=False):
                    numbers = range(first, first + batch.num_rows)
                    first += batch.num_rows
                    columns = dict(zip(batch.schema.names, map(_values, batch.columns), strict=True))
                    yield Chunk(numbers, columns, None, [], self.total * (first - 1) // rows)
        except (pa.ArrowException, OSError) as error:
            raise InvalidInput(
                f"{self.path.name}: broken after row {first - 1}: {_first(error)}. Make the file again and "
                "import it; rows that are in are not taken twice."
            ) from error

    def _rows_at_once(self, metadata: Any) -> int:
        """As many rows as are said to hold :data:`CHUNK_CHARACTERS`."""
        groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
        size = sum(group.total_byte_size for group in groups) / max(metadata.num_rows, 1)
        return max(1, min(self.chunk_rows, int(CHUNK_CHARACTERS / max(size, 1))))


def _plain(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    tests = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_string_view,
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
        pa.types.is_timestamp,
        pa.types.is_date,
        pa.types.is_decimal,
        pa.types.is_null,
    )
    return any(test(kind) for test in tests)


def _values(column: Any) -> list[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        micros = pc.cast(pc.cast(column, pa.timestamp("us", tz=column.type.tz), safe=False), pa.int64())
        return [None if value is None else value / 1e6 for value in micros.to_pylist()]
    return column.to_pylist()


def _first(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
