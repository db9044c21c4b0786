"""What the door lets through: sizes of bodies, batches, texts and ids, and the form of JSON."""

import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import msgspec
import numpy as np
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request

from penchant.errors import InvalidInput, TooLarge
from penchant.settings import ServeSettings

MAX_N = 200
"""Longest list that may be asked for."""
Change = Callable[..., Awaitable[Any]]
"""Calls what may wait for the disk, in a thread of those for that."""
LINES = "application/x-ndjson"
"""Type of a body with one JSON record in each line."""


async def read_body(request: Request, limit: int) -> bytes:
    """The body, refused as soon as it is seen to be over ``limit`` bytes, with or without a length.

    One in gzip is unpacked, and counts as it is packed and as it is unpacked.

    Raises:
        TooLarge: above the limit. InvalidInput: gzip that is broken or cut off.
        HTTPException: 415 for an encoding that is not read here.
    """
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise HTTPException(415)
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise TooLarge(f"the body has {length} bytes; at most {limit} are read. Send smaller batches")
    parts = _within(request.stream(), limit)
    return b"".join([part async for part in (_unpacked(parts, limit) if encoding == "gzip" else parts)])


async def _within(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"the body has more than {limit} bytes. Send smaller batches")
        yield chunk


async def _unpacked(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    """Never more than a byte over ``limit`` is unpacked, whatever a small body claims to hold."""
    gunzip, room = zlib.decompressobj(zlib.MAX_WBITS | 16), limit
    async for chunk in chunks:
        try:
            part = gunzip.decompress(chunk, room + 1)
        except zlib.error as error:
            raise InvalidInput(f"the body is not gzip: {error}") from error
        room -= len(part)
        if room < 0:
            raise TooLarge(f"the body has more than {limit} bytes unpacked. Send smaller batches")
        if gunzip.unused_data:
            raise InvalidInput("the body goes on after the end of its gzip: send one member")
        yield part
    if not gunzip.eof:
        raise InvalidInput("the body is gzip that was cut off: send it again")


def decode(body: bytes) -> Any:
    """JSON of any form.

    Raises:
        InvalidInput: not JSON, or nested too deep.

    >>> decode(b'{"a": 1}')
    {'a': 1}
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise InvalidInput("the body is nested too deep; send flat records") from error


def decode_lines(body: bytes, most: int = 1_000) -> list[Any]:
    """JSON of each line, of one more than ``most`` at the most; empty lines say nothing.

    Raises:
        InvalidInput: a line, which is named, is not JSON or nested too deep.

    >>> decode_lines(b'{"a": 1}\\n\\n{"a": 2}\\n')
    [{'a': 1}, {'a': 2}]
    """
    found: list[Any] = []
    for number, line in enumerate(body.split(b"\n"), start=1):
        if len(found) > most:
            break
        if line.strip():
            try:
                found.append(decode(line))
            except InvalidInput as error:
                raise InvalidInput(f"line {number}: {error}") from error
    return found


async def read_json(request: Request, limits: ServeSettings) -> Any:
    """The body as JSON, its texts within their limit, however deep they lie.

    Raises:
        InvalidInput: not JSON. TooLarge: the body, or a text or a name in it.
    """
    return _within_text(await read_body(request, limits.max_body), limits, decode)


def _within_text(raw: bytes, limits: ServeSettings, form: Callable[[bytes], Any]) -> Any:
    body = form(raw)
    longest = longest_text(body) if may_hold_text(raw, limits.max_text) else 0
    if longest > limits.max_text:
        raise TooLarge(f"a text has {longest} characters; at most {limits.max_text} are kept")
    return body


def may_hold_text(raw: bytes, limit: int) -> bool:
    """Whether JSON may hold a text of more than ``limit`` characters, told by its bytes: it has at least as
    many between two quotes, unless some are escaped.

    >>> may_hold_text(b'["four", "five"]', 4), may_hold_text(b'["seven", 8]', 4)
    (False, True)
    """
    if len(raw) <= limit:
        return False
    if b"\\" in raw:
        return True
    quotes = np.flatnonzero(np.frombuffer(raw, np.uint8) == ord('"'))
    return int(np.diff(quotes).max(initial=0)) - 1 > limit


def longest_text(value: Any) -> int:
    """Characters of the longest text anywhere in a JSON value, names of fields included.

    >>> longest_text({"a": [{"b": "milk"}, 7]})
    4
    """
    longest, waiting = 0, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            longest = max(longest, len(one))
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one
    return longest


async def read_batch(request: Request, name: str, limits: ServeSettings) -> list[dict[str, Any]]:
    """:func:`batch` of a request.

    Raises:
        InvalidInput, TooLarge: as :func:`batch` and :func:`read_body` do.
    """
    raw = await read_body(request, limits.max_body)
    return batch(raw, request.headers.get("content-type", ""), name, limits)


def batch(raw: bytes, kind: str, name: str, limits: ServeSettings) -> list[dict[str, Any]]:
    """The records of a body ``{name: [...]}``, or one in each line where its type is
    ``application/x-ndjson``.

    Raises:
        InvalidInput: another form. TooLarge: too many records or a text that is too long.

    >>> batch(b'{"events": [{"type": "view"}]}', "application/json", "events", ServeSettings())
    [{'type': 'view'}]
    """
    if kind.partition(";")[0].strip().lower() == LINES:
        body = {name: _within_text(raw, limits, partial(decode_lines, most=limits.max_batch))}
    else:
        body = _within_text(raw, limits, decode)
    records = body.get(name) if isinstance(body, dict) and set(body) == {name} else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise InvalidInput(f'the body must be {{"{name}": [records]}} and nothing else')
    if len(records) > limits.max_batch:
        raise TooLarge(f"{len(records)} records; at most {limits.max_batch} at once. Send smaller batches")
    return records


def check_id(value: str, name: str, limit: int) -> str:
    """An id of 1 to ``limit`` printable characters.

    >>> check_id("u1", "user_id", 256)
    'u1'
    """
    if not 0 < len(value) <= limit or not value.isprintable():
        raise InvalidInput(f"{name}: must have 1 to {limit} printable characters, received {len(value)}")
    return value


def excluded(query: QueryParams, limit: int) -> list[str]:
    """Item ids of every ``exclude`` of the query string, up to :data:`MAX_N` of them.

    Raises:
        HTTPException: 422 for more: leaving some of them in would show what was not wanted.
    """
    found = query.getlist("exclude")
    if len(found) > MAX_N:
        raise HTTPException(422)
    return [check_id(item, "exclude", limit) for item in found]


def count(query: QueryParams, default: int) -> int:
    """``n`` of the query string, from 1 to :data:`MAX_N`."""
    text = query.get("n", str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= MAX_N):
        raise InvalidInput(f"n: must be a whole number from 1 to {MAX_N}, received {text[:20]!r}")
    return int(text)
