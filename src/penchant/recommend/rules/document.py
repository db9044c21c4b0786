"""Rules as a document in GoRules' open JSON format (JDM): decision tables between an input and an output.

The document is kept as it came. Of its nodes only tables say anything; a function node would run code and
is refused, as is everything else that is not a table.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from penchant.errors import InvalidInput

MOST_ROWS: Final = 500
"""Rules of a document."""

LARGEST: Final = 1024 * 1024
"""Bytes of a document."""

INPUT, OUTPUT, TABLE = "inputNode", "outputNode", "decisionTableNode"


class InvalidRules(InvalidInput):
    """Rules that cannot be used; ``problems`` has a line for each reason."""

    code = "invalid-rules"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        shown = "; ".join(self.problems[:10])
        more = f"; and {len(problems) - 10} more" if len(problems) > 10 else ""
        super().__init__(f"rules: {shown}{more}. Nothing was changed.")


class Column(msgspec.Struct, frozen=True):
    """A column of a table. An input without ``field`` holds whole expressions."""

    id: str
    name: str = ""
    field: str | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return self.name or self.field or self.id


class Content(msgspec.Struct, frozen=True, rename="camel"):
    """A table: rows are mappings from the id of a column to its cell."""

    hit_policy: Literal["first", "collect"] = "first"
    inputs: list[Column] = []
    outputs: list[Column] = []
    rules: list[dict[str, Any]] = []
    execution_mode: Literal["single"] | None = None
    input_field: None = None
    output_path: None = None


class Table(msgspec.Struct, frozen=True):
    """A table with its name; ``first``: of the rows that fit an item only the first one acts."""

    name: str
    first: bool
    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    rows: tuple[dict[str, str], ...]


class _Node(msgspec.Struct, frozen=True):
    id: str
    type: str
    name: str = ""
    content: msgspec.Raw = msgspec.Raw(b"{}")


class _Edge(msgspec.Struct, frozen=True, rename="camel"):
    source_id: str
    target_id: str


class _Graph(msgspec.Struct, frozen=True):
    nodes: list[_Node]
    edges: list[_Edge] = []


def tables_of(data: bytes) -> list[Table]:
    """The tables of a document, in its order.

    Raises:
        InvalidRules: it is no such document, or holds what is not a table.
    """
    if len(data) > LARGEST:
        raise InvalidRules([f"the document has {len(data):,} bytes; at most {LARGEST:,} are read"])
    try:
        graph = msgspec.json.decode(data, type=_Graph)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRules([f"this is not a document of nodes and edges in JSON: {error}"]) from error
    problems = _odd_nodes(graph)
    if problems:
        raise InvalidRules(problems)
    tables = [_table(node) for node in graph.nodes if node.type == TABLE]
    rows = sum(len(table.rows) for table in tables)
    if rows > MOST_ROWS:
        raise InvalidRules([f"{rows} rules; at most {MOST_ROWS} are possible"])
    return tables


def _odd_nodes(graph: _Graph) -> list[str]:
    kinds = {node.id: node.type for node in graph.nodes}
    twice = [
        f"two nodes have the id {name!r}"
        for name, n in Counter(one.id for one in graph.nodes).items()
        if n > 1
    ]
    odd = [
        f"node {node.name or node.id!r} is a {node.type}; only decision tables between an input and an "
        "output are read" + (", and no code is run" if node.type == "functionNode" else "")
        for node in graph.nodes
        if node.type not in (INPUT, OUTPUT, TABLE)
    ]
    chained = [
        "a table feeds another table; each must lead from the input to the output"
        for edge in graph.edges
        if kinds.get(edge.source_id) == TABLE and kinds.get(edge.target_id) == TABLE
    ]
    return [*twice, *odd, *chained]


def _table(node: _Node) -> Table:
    try:
        content = msgspec.json.decode(node.content, type=Content)
    except msgspec.DecodeError as error:
        raise InvalidRules([f"table {node.name or node.id!r}: {error}"]) from error
    ids = [column.id for column in (*content.inputs, *content.outputs)]
    if len(set(ids)) < len(ids):
        raise InvalidRules([f"table {node.name or node.id!r}: two columns have the same id"])
    return Table(
        name=node.name or node.id,
        first=content.hit_policy == "first",
        inputs=tuple(content.inputs),
        outputs=tuple(content.outputs),
        rows=tuple({name: _text(row.get(name, "")) for name in ids} for row in content.rules),
    )


def _text(cell: object) -> str:
    """A cell as text; editors write numbers and nothing at all too."""
    if cell is None:
        return ""
    return cell if isinstance(cell, str) else msgspec.json.encode(cell).decode()


INPUTS: Final = (
    Column("items", "Item id", "item.item_id"),
    Column("brand", "Brand", "item.brand"),
    Column("department", "Department", "item.department"),
    Column("item", "Other condition on the item"),
    Column("placement", "Placement", "placement"),
    Column("person", "Condition on the person"),
)
"""Columns of conditions in a table that nobody made yet."""

OUTPUTS: Final = tuple(
    Column(name, title, name)
    for name, title in (
        ("rule", "Rule"),
        ("action", "Action"),
        ("amount", "Amount"),
        ("per", "Per"),
        ("starts", "Starts"),
        ("ends", "Ends"),
        ("on", "On"),
    )
)
"""Columns of what a rule does."""


def document_of(rows: Sequence[Mapping[str, str]], inputs: Sequence[Column] = INPUTS) -> bytes:
    """A document of one table, to begin with.

    >>> [table.name for table in tables_of(document_of([]))]
    ['Rules']
    """
    content = {
        "hitPolicy": "collect",
        "inputs": [msgspec.to_builtins(column) for column in inputs],
        "outputs": [msgspec.to_builtins(column) for column in OUTPUTS],
        "rules": [{"_id": f"row-{n}", **row} for n, row in enumerate(rows, 1)],
    }
    nodes = [
        {"id": "request", "type": INPUT, "name": "Request", "position": {"x": 0, "y": 0}, "content": {}},
        {"id": "rules", "type": TABLE, "name": "Rules", "position": {"x": 300, "y": 0}, "content": content},
        {"id": "list", "type": OUTPUT, "name": "List", "position": {"x": 600, "y": 0}, "content": {}},
    ]
    edges = [
        {"id": f"{source}-{target}", "type": "edge", "sourceId": source, "targetId": target}
        for source, target in (("request", "rules"), ("rules", "list"))
    ]
    kind = "application/vnd.gorules.decision"
    return msgspec.json.encode({"contentType": kind, "nodes": nodes, "edges": edges})
