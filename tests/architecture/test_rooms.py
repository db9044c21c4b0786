"""The house holds its shape: layers, no cycles, lengths, interface-or-final."""

import ast
import statistics
from functools import cache
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "penchant"

ROOMS = (
    "types",
    "errors",
    "settings",
    "privacy",
    "events",
    "catalog",
    "metrics",
    "model",
    "taste",
    "learn",
    "recommend",
    "decide",
    "assist",
    "evaluate",
    "adapters",
    "serve",
    "testing",
    "app",
    "demo",
    "verbs",
    "cli",
)
BASE = {"types", "errors", "settings"}
TOP = {"app", "demo", "verbs", "cli"}


@cache
def modules() -> dict[str, ast.Module]:
    found = {}
    for path in sorted(SRC.rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        name = ".".join(("penchant", *(p for p in parts if p != "__init__")))
        found[name] = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    return found


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports_of(module: str) -> set[str]:
    """Every penchant module that this one imports, wherever in the file the import stands."""
    names: set[str] = set()
    for node in ast.walk(modules()[module]):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import; write the whole path"
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    known = modules().keys()
    return {name for name in names if name in known and name != module and room(name)}


@pytest.mark.parametrize("module", [m for m in modules() if room(m)])
def test_imports_point_only_to_rooms_further_up(module: str) -> None:
    assert room(module) in ROOMS, f"{module} lives in a room that nobody planned"
    for target in imports_of(module):
        assert ROOMS.index(room(target)) <= ROOMS.index(room(module)), f"{module} imports {target}"


@pytest.mark.parametrize("module", [m for m in modules() if room(m)])
def test_only_the_top_imports_adapters(module: str) -> None:
    if room(module) in TOP | {"adapters"}:
        return
    assert not [t for t in imports_of(module) if room(t) == "adapters"]


def test_the_base_does_no_input_or_output() -> None:
    for name in ("penchant.types", "penchant.errors"):
        assert not imports_of(name) - {"penchant.types"}


def test_no_cycles_between_modules() -> None:
    graph = {m: {t for t in imports_of(m) if t in modules()} for m in modules()}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"import cycle: {' -> '.join((*path, module))}"
        if module in done:
            return
        for target in sorted(graph[module]):
            # A package's own __init__ may gather its modules.
            if not (module.startswith(target + ".") and target in graph):
                visit(target, (*path, module))
        done.add(module)

    for module in graph:
        visit(module, ())


def test_prices_know_nothing_of_a_taste() -> None:
    """A price is for an item: what suggests one cannot even reach what is known of a person."""
    reached = {module for module in modules() if module.startswith("penchant.decide.prices.")}
    assert reached
    new = reached
    while new:
        new = {target for module in new for target in imports_of(module)} - reached
        reached |= new
    assert not {room(module) for module in reached} & {"taste", "recommend", "model", "learn", "privacy"}


def functions() -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    return [
        (f"{module}:{node.name}", node)
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def body_length(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    """Lines of the body without its docstring."""
    body = node.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_functions_are_short() -> None:
    lengths = {name: body_length(node) for name, node in functions()}
    assert not {name: n for name, n in lengths.items() if n > 60}
    assert statistics.median(lengths.values()) <= 8
    assert sum(n > 30 for n in lengths.values()) <= 0.05 * len(lengths)


def test_files_and_classes_are_short() -> None:
    for path in SRC.rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 500, path
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                assert body_length(node) < 200, f"{module}:{node.name}"


def test_classes_are_an_interface_or_final() -> None:
    """Nobody inherits from a concrete class of ours; errors are a tree by nature."""
    classes = {
        node.name: node
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    errors = {n.name for n in ast.walk(modules()["penchant.errors"]) if isinstance(n, ast.ClassDef)}
    interface = {"Protocol", "ABC", "NamedTuple"}
    for node in classes.values():
        for base in node.bases:
            name = base.id if isinstance(base, ast.Name) else ""
            if name in classes and name not in errors:
                bases = {b.id for b in classes[name].bases if isinstance(b, ast.Name)}
                bases |= {
                    b.value.id
                    for b in classes[name].bases
                    if isinstance(b, ast.Subscript) and isinstance(b.value, ast.Name)
                }
                assert bases & interface, f"{node.name} inherits from the concrete class {name}"


def test_no_pickle_no_eval_no_torch_load() -> None:
    for module, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names] + [getattr(node, "module", "") or ""]
                assert not {"pickle", "dill", "joblib", "shelve", "marshal"} & set(names), module
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"eval", "exec", "torch.load"}, f"{module}: {called}"
