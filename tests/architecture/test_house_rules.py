"""Rules of the house that a reader can check by eye, checked by machine."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import estimand

SOURCE = Path(estimand.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
NAMES = [path.relative_to(SOURCE).as_posix() for path in FILES]
LINES_SOFT, LINES_HARD, FUNCTION_LINES = 400, 600, 60
DEFERRED_IMPORTS_IN = {"__init__.py", "core/catalog.py", "core/table.py", "cli/__init__.py"}
NAMELESS = {"utils", "util", "helpers", "helper", "base", "common", "manager", "misc"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def parsed(name: str) -> ast.Module:
    return ast.parse((SOURCE / name).read_text(encoding="utf-8"))


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def length(node: Function) -> int:
    """Lines of a function without its docstring, which is its manual."""
    first = node.body[0]
    manual = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node) else 0
    return (node.end_lineno or 0) - node.lineno + 1 - manual


@pytest.mark.parametrize("name", NAMES)
def test_no_file_is_past_its_length(name: str) -> None:
    lines = len((SOURCE / name).read_text(encoding="utf-8").splitlines())
    assert lines <= LINES_SOFT, f"{name} has {lines} lines and is asking to be two; none passes {LINES_HARD}"


@pytest.mark.parametrize("name", NAMES)
def test_no_function_is_past_its_length(name: str) -> None:
    long = {node.name: length(node) for node in functions(parsed(name)) if length(node) > FUNCTION_LINES}
    assert not long


@pytest.mark.parametrize("name", NAMES)
def test_no_file_or_folder_has_a_name_that_says_nothing(name: str) -> None:
    parts = {part.strip("_") for part in Path(name).with_suffix("").parts}
    assert not parts & NAMELESS


@pytest.mark.parametrize("name", NAMES)
def test_imports_inside_functions_are_only_where_they_are_listed(name: str) -> None:
    inside = [
        ast.unparse(node)
        for function in functions(parsed(name))
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    dynamic = [
        ast.unparse(node)
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"import_module", "__import__"}
    ]
    assert name in DEFERRED_IMPORTS_IN or not inside + dynamic


def public(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Public functions and classes of a module, and the public methods of its public classes."""
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            if isinstance(node, ast.ClassDef):
                for inner in node.body:
                    if isinstance(inner, Function) and not inner.name.startswith("_"):
                        yield f"{node.name}.{inner.name}", inner


def is_overload(node: ast.AST) -> bool:
    return any(ast.unparse(d).split(".")[-1] == "overload" for d in getattr(node, "decorator_list", []))


@pytest.mark.parametrize("name", NAMES)
def test_every_module_and_every_public_function_and_class_has_a_docstring(name: str) -> None:
    tree = parsed(name)
    bare = [label for label, node in public(tree) if not ast.get_docstring(node) and not is_overload(node)]
    assert not bare
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_silenced_or_left_for_later(name: str) -> None:
    text = (SOURCE / name).read_text(encoding="utf-8")
    silenced = re.findall(r"#\s*(?:noqa|type:\s*ignore|pragma|pylint|ruff:|mypy:)|\b(?:TODO|FIXME|XXX|HACK)\b", text)
    assert not silenced


@pytest.mark.parametrize("name", NAMES)
def test_nothing_names_a_place_on_somebodys_machine(name: str) -> None:
    text = (SOURCE / name).read_text(encoding="utf-8")
    assert not re.findall(r"[\"'](?:/home/|/Users/|/work/|/tmp/|[A-Z]:\\)", text)


def parents() -> dict[str, set[str]]:
    """Bases of every class of the package, by name, where the base is of the package too."""
    found: dict[str, set[str]] = {}
    for name in NAMES:
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).split("[")[0].split(".")[-1] for base in node.bases}
                found.setdefault(node.name, set()).update(bases)
    return {child: bases & set(found) for child, bases in found.items()}


def depth(name: str, tree: dict[str, set[str]]) -> int:
    return 1 + max((depth(base, tree) for base in tree[name]), default=-1)


def test_no_class_inherits_deeper_than_two() -> None:
    tree = parents()
    deep = {name: depth(name, tree) for name in tree if depth(name, tree) > 2}
    assert not deep


def test_no_class_has_two_parents_of_the_package() -> None:
    assert not {name: bases for name, bases in parents().items() if len(bases) > 1}


def test_there_is_something_to_check() -> None:
    assert {"errors.py", "core/estimate.py", "stats/linear.py"} <= set(NAMES)
    assert depth("C", {"A": set(), "B": {"A"}, "C": {"B"}}) == 2
