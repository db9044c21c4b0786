"""What a verb says: JSON on standard output or in a file, words for people, progress on standard error."""

import argparse
import getpass
import logging
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from penchant.errors import InvalidInput

Told = Callable[[str, float], None]


def say(arguments: argparse.Namespace, value: Any, words: Callable[[], object] | None = None) -> None:
    """Print ``value`` as JSON where that was asked for, else ``words`` (or the JSON again)."""
    data = msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
    # Neither is lost to the other: the file to a reader who left, nor what is printed to a full disk.
    try:
        if arguments.json or words is None:
            sys.stdout.write(data.decode("utf-8"))
        else:
            # No markup: a title or a file's name may hold brackets.
            Console(markup=False, highlight=False, soft_wrap=True).print(words())
        sys.stdout.flush()
    finally:
        if arguments.json_file is not None:
            arguments.json_file.write_bytes(data)


def plain(value: Mapping[str, Any]) -> str:
    """One line for each entry, and one for each line of a list.

    >>> plain({"events": 1200, "rejected": {"future": 2}, "examples": []})
    'events: 1,200\\nrejected: future 2\\nexamples: none'
    """
    return "\n".join(f"{name}: {entry_text(entry)}" for name, entry in value.items())


def entry_text(value: Any) -> str:
    """Whole numbers with separators, tables and lists without brackets, everything else as it is."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {entry_text(entry)}" for name, entry in value.items()) or "none"
    if isinstance(value, list):
        return "".join(f"\n  {entry_text(entry)}" for entry in value) or "none"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def who_asks(arguments: argparse.Namespace) -> str:
    """Name of who changes something: ``--by``, else the user of the machine."""
    if arguments.by:
        return arguments.by
    try:
        return getpass.getuser()
    except (OSError, KeyError) as error:
        raise InvalidInput("say who you are: --by NAME") from error


def waiting(ids: Sequence[str]) -> str:
    """What is told where something was put into the queue.

    >>> waiting([])
    'penchant: nothing new to decide'
    """
    if not ids:
        return "penchant: nothing new to decide"
    return f"penchant: {len(ids):,} to decide, see `penchant decisions list --state waiting`"


def note(text: str) -> None:
    """A line for people on standard error."""
    print(text, file=sys.stderr, flush=True)


def watched() -> bool:
    """Whether somebody looks at bars: standard error is a terminal."""
    return Console(stderr=True).is_terminal


class Notes(logging.Handler):
    """What the rooms have to say while they work, a line each for people."""

    def emit(self, record: logging.LogRecord) -> None:
        note(record.getMessage())


@contextmanager
def progress() -> Generator[Told]:
    """A bar that follows (what is being done, share done); a line for each new thing where nobody looks."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def tell(what: str, share: float) -> None:
            name = what.split(":", maxsplit=1)[0]
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=1.0)
                if not console.is_terminal:
                    note(what)
            bars.update(tasks[name], completed=share, description=what)

        yield tell


def iso(timestamp: float) -> str:
    """Unix seconds as ISO 8601, UTC.

    >>> iso(0.25)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
