"""The page of the rules of the house: tables to edit, what they would change, and who changed them when."""

from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from penchant.errors import InvalidInput
from penchant.recommend.rules.document import LARGEST as LARGEST_DOCUMENT
from penchant.recommend.rules.document import TABLE, Column
from penchant.recommend.rules.rule import ACTIONS as RULE_ACTIONS
from penchant.recommend.rules.rule import PER
from penchant.serve.console.actions import json
from penchant.serve.console.desk import Desk, page
from penchant.serve.console.guard import Action
from penchant.serve.console.sessions import Session
from penchant.serve.rules import document_in, note_in, number_in, seen_in

LARGEST: Final = LARGEST_DOCUMENT + 16 * 1024
"""Bytes of a post."""

KINDS: Final = {"rule": "text", "action": "choice", "amount": "number", "per": "choice", "starts": "text",
                "ends": "text", "on": "switch"}  # fmt: skip
CHOICES: Final = {"action": RULE_ACTIONS, "per": PER}

MEANINGS: Final = (
    ("exclude", "never shown"),
    ("age", "shown only to people who are known to be that old"),
    ("pin", "the best of the items stands at that place, from 1"),
    ("boost", "moved up, by so many standard deviations of the scores (1 if empty)"),
    ("bury", "moved down in the same way"),
    ("limit", "at most so many in a list, or of each brand, category or department"),
)


class Cell(msgspec.Struct, frozen=True):
    """``raw`` as the document has it, ``shown`` without the quotes of a text."""

    column: str
    title: str
    kind: str
    name: str
    raw: str
    shown: str


def rules(desk: Desk, request: Request, session: Session) -> Response:
    """The tables, the record, and the buttons."""
    told = desk.services.rules.rules()
    tables = tables_of(told["document"])
    return page(
        desk, request, "rules.html", session=session, told=told, tables=tables, choices=CHOICES,
        document=msgspec.json.encode(told["document"]).decode(), meanings=MEANINGS,
        facts={rule["name"]: rule for rule in told["rules"]},
    )  # fmt: skip


def tables_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Tables as they are edited: ``id``, ``name``, ``columns`` and ``rows`` of cells; ``blank`` is a new row.

    >>> made = {"nodes": [{"id": "t", "type": TABLE, "content": {"outputs": [{"id": "r", "field": "rule"}],
    ...         "rules": [{"r": '"Ours"'}]}}]}
    >>> [(table["name"], table["rows"][0][0].shown) for table in tables_of(made)]
    [('t', 'Ours')]
    """
    found: list[dict[str, Any]] = []
    for node in document.get("nodes", []):
        if node.get("type") != TABLE:
            continue
        content = node.get("content") or {}
        columns = [
            (msgspec.convert(column, Column), side == "outputs")
            for side in ("outputs", "inputs")
            for column in content.get(side, [])
        ]
        rows = [_row(columns, row) for row in content.get("rules", [])]
        name, blank = node.get("name") or node["id"], _row(columns, {})
        found.append({"id": node["id"], "name": name, "columns": columns, "rows": rows, "blank": blank})
    return found


def _row(columns: list[tuple[Column, bool]], row: dict[str, Any]) -> list[Cell]:
    return [_cell(column, output, row.get(column.id, "")) for column, output in columns]


def _cell(column: Column, output: bool, value: object) -> Cell:
    raw = value if isinstance(value, str) else "" if value is None else msgspec.json.encode(value).decode()
    name = column.field or ""
    kind = KINDS.get(name, "condition") if output else "condition"
    shown = _unquoted(raw) if kind in ("text", "choice") else raw
    return Cell(column.id, column.title, kind, name, raw, shown)


def _unquoted(cell: str) -> str:
    text = cell.strip()
    quote = text[:1]
    plain = len(text) > 1 and quote in ('"', "'") and text[-1] == quote and quote not in text[1:-1]
    return text[1:-1] if plain else cell


def try_out(desk: Desk, request: Request, body: dict[str, Any]) -> Response:  # noqa: ARG001 (every action has it)
    """``{"document"}``: what it would have changed; nothing is kept."""
    return json(desk.services.rules.try_rules(document_in(body)))


def save(desk: Desk, request: Request, body: dict[str, Any]) -> Response:  # noqa: ARG001 (every action has it)
    """``{"document", "author", "note", "expected"}``: in force when it is answered."""
    kept = desk.services.rules.save_rules(document_in(body), _author(body), note_in(body), seen_in(body))
    return json(kept)


def rollback(desk: Desk, request: Request, body: dict[str, Any]) -> Response:  # noqa: ARG001 (every action has it)
    """``{"version", "author", "note", "expected"}``: that version holds again."""
    version = number_in(body, "version")
    if version is None:
        raise InvalidInput("version must name what to bring back")
    return json(desk.services.rules.rollback_rules(version, _author(body), note_in(body), seen_in(body)))


def _author(body: dict[str, Any]) -> str:
    author = body.get("author")
    if not isinstance(author, str) or not author.strip():
        raise InvalidInput("say who you are: the record keeps who changed what")
    return f"{author.strip()} (console)"


ACTIONS: Final[dict[str, Action]] = {"try": try_out, "save": save, "rollback": rollback}
