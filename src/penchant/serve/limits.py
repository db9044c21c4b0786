"""What the door lets through: sizes of bodies, batches, texts and ids, and the form of JSON."""

from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request

from penchant.errors import InvalidInput, TooLarge
from penchant.settings import ServeSettings

MAX_N = 200
"""Longest list that may be asked for."""


async def read_body(request: Request, limit: int) -> bytes:
    """The body, refused as soon as it is seen to be over ``limit`` bytes, with or without a length.

    Raises:
        TooLarge: above the limit. HTTPException: 415 for an encoding that is not read here.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(415)
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise TooLarge(f"the body has {length} bytes; at most {limit} are read. Send smaller batches")
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"the body has more than {limit} bytes. Send smaller batches")
        chunks.append(chunk)
    return b"".join(chunks)


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


async def read_json(request: Request, limits: ServeSettings) -> Any:
    """The body as JSON, its texts within their limit, however deep they lie.

    Raises:
        InvalidInput: not JSON. TooLarge: the body, or a text or a name in it.
    """
    raw = await read_body(request, limits.max_body)
    body = decode(raw)
    # A text has no more characters than the body has bytes: most bodies need no look.
    longest = longest_text(body) if len(raw) > limits.max_text else 0
    if longest > limits.max_text:
        raise TooLarge(f"a text has {longest} characters; at most {limits.max_text} are kept")
    return body


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
    """The records of ``{name: [...]}``.

    Raises:
        InvalidInput: another form. TooLarge: too many records or a text that is too long.
    """
    body = await read_json(request, limits)
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


def excluded(request: Request, limit: int) -> list[str]:
    """Item ids of every ``exclude`` of the query string, up to :data:`MAX_N` of them.

    Raises:
        HTTPException: 422 for more: leaving some of them in would show what was not wanted.
    """
    found = request.query_params.getlist("exclude")
    if len(found) > MAX_N:
        raise HTTPException(422)
    return [check_id(item, "exclude", limit) for item in found]


def count(request: Request, default: int) -> int:
    """``n`` of the query string, from 1 to :data:`MAX_N`."""
    text = request.query_params.get("n", str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= MAX_N):
        raise InvalidInput(f"n: must be a whole number from 1 to {MAX_N}, received {text[:20]!r}")
    return int(text)
