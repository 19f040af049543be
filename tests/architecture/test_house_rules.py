"""Rules of the house that a reader can check by eye, checked by machine."""

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import estimand

SOURCE = Path(estimand.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
NAMES = [path.relative_to(SOURCE).as_posix() for path in FILES]
LINES_SOFT, LINES_HARD, FUNCTION_LINES = 400, 600, 60
DEFERRED_IMPORTS_IN = {"__init__.py", "core/catalog.py", "core/table.py", "cli/__init__.py"}
NAMELESS = {"utils", "util", "helpers", "helper", "base", "common", "manager", "misc"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def text(name: str) -> str:
    return (SOURCE / name).read_text(encoding="utf-8")


@cache
def parsed(name: str) -> ast.Module:
    return ast.parse(text(name))


def offending(of: Callable[[str], object]) -> dict[str, object]:
    """What a rule finds against it, by file."""
    return {name: against for name in NAMES if (against := of(name))}


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def length(node: Function) -> int:
    """Lines of a function without its docstring, which is its manual."""
    first = node.body[0]
    manual = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node) else 0
    return (node.end_lineno or 0) - node.lineno + 1 - manual


def test_no_file_is_past_its_length() -> None:
    long = {name: lines for name in NAMES if (lines := len(text(name).splitlines())) > LINES_SOFT}
    assert not long, f"more than {LINES_SOFT} lines ask to be two files; none passes {LINES_HARD}"


def test_no_function_is_past_its_length() -> None:
    assert not offending(lambda name: [node.name for node in functions(parsed(name)) if length(node) > FUNCTION_LINES])


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    assert not offending(lambda name: {part.strip("_") for part in Path(name).with_suffix("").parts} & NAMELESS)


def deferred(name: str) -> list[str]:
    """Imports inside functions, and those by name at run time."""
    inside = (node for function in functions(parsed(name)) for node in ast.walk(function))
    imports = [ast.unparse(node) for node in inside if isinstance(node, ast.Import | ast.ImportFrom)]
    calls = (node for node in ast.walk(parsed(name)) if isinstance(node, ast.Call))
    dynamic = (ast.unparse(node) for node in calls if called(node) in {"import_module", "__import__"})
    return [*imports, *dynamic]


def called(node: ast.Call) -> str:
    """Last part of what is called; empty where it has no name."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def test_imports_inside_functions_are_only_where_they_are_listed() -> None:
    found = offending(deferred)
    assert set(found) <= DEFERRED_IMPORTS_IN, found


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


def bare(name: str) -> list[str]:
    """What has no docstring; the module under its own name."""
    tree = parsed(name)
    labels = [label for label, node in public(tree) if not ast.get_docstring(node) and not is_overload(node)]
    return labels if ast.get_docstring(tree) else [name, *labels]


def test_every_module_and_every_public_function_and_class_has_a_docstring() -> None:
    assert not offending(bare)


def test_nothing_is_silenced_or_left_for_later() -> None:
    marks = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma|pylint|ruff:|mypy:)|\b(?:TODO|FIXME|XXX|HACK)\b")
    assert not offending(lambda name: marks.findall(text(name)))


def test_nothing_names_a_place_on_somebodys_machine() -> None:
    places = re.compile(r"[\"'](?:/home/|/Users/|/work/|/tmp/|[A-Z]:\\)")
    assert not offending(lambda name: places.findall(text(name)))


@cache
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
