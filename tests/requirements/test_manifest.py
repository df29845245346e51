"""The manifest says what is true: its tests exist, and nothing waits for what is there."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from scripts.make_requirements_doc import PAGE, ROOT, page

from tests.requirements import GROUPS, TO_COME, Requirement

ROWS = [row for group in GROUPS for row in group.rows]


def collected(tree: ast.Module) -> Iterator[str]:
    """What pytest would collect from a module, as ``name`` or ``Class::name``."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from (f"{node.name}::{name}" for name in _functions(node.body))
    yield from _functions(tree.body)


def _functions(body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.name


@cache
def nodes_in(path: Path) -> frozenset[str]:
    """The tests of one file; none when there is no such file."""
    if not path.is_file():
        return frozenset()
    return frozenset(collected(ast.parse(path.read_text(encoding="utf-8"))))


def is_there(sign: str, root: Path) -> bool:
    """Whether a sign of `TO_COME` can be seen."""
    return any(root.glob(sign))


def problems(rows: Iterable[Requirement], root: Path) -> Iterator[str]:
    """What is wrong with a manifest, as sentences."""
    rows = list(rows)
    for name, count in Counter(row.id for row in rows).items():
        if count > 1:
            yield f"{name}: the id is used {count} times"
    for row in rows:
        if bool(row.tests) == bool(row.pending):
            yield f"{row.id}: needs either tests or something that it waits for"
        for node in row.tests:
            path, _, name = node.partition("::")
            if name not in nodes_in(root / path):
                yield f"{row.id}: there is no {node}"
        for name, count in Counter(row.tests).items():
            if count > 1:
                yield f"{row.id}: names {name} {count} times"
        if row.pending and row.pending not in TO_COME:
            yield f"{row.id}: nobody is to bring {row.pending!r}"
        if any(is_there(sign, root) for sign in TO_COME.get(row.pending, ())):
            yield f"{row.id}: {row.pending} is there, so its tests have to be named"


def test_every_row_is_proven_or_waits_for_what_is_to_come() -> None:
    assert list(problems(ROWS, ROOT)) == []


def test_what_is_to_come_is_waited_for() -> None:
    assert {row.pending for row in ROWS if row.pending} == set(TO_COME)


def test_the_page_is_what_the_manifest_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python scripts/make_requirements_doc.py"


# The check itself


def row(name: str, tests: tuple[str, ...] = (), pending: str = "") -> Requirement:
    return Requirement(name, "MUST", "Something.", "somewhere", "wire", tests, pending)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project with a test file."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('n', [1])\n"
        "def test_plain(n): pass\n"
        "async def test_async(): pass\n"
        "def helper():\n    def test_inner(): pass\n"
        "class TestGroup:\n    def test_method(self): pass\n"
        "class Helper:\n    def test_hidden(self): pass\n",
        encoding="utf-8",
    )
    return tmp_path


@pytest.mark.parametrize("name", ["test_plain", "test_async", "TestGroup::test_method"])
def test_a_test_that_exists_is_found(project: Path, name: str) -> None:
    assert list(problems([row("a", (f"tests/test_it.py::{name}",))], project)) == []


@pytest.mark.parametrize(
    "node",
    [
        "tests/test_it.py::test_gone",
        "tests/test_it.py::test_inner",
        "tests/test_it.py::test_plain[1]",
        "tests/test_it.py::Helper::test_hidden",
        "tests/test_it.py",
        "tests/test_gone.py::test_plain",
    ],
)
def test_a_test_that_does_not_exist_is_noticed(project: Path, node: str) -> None:
    assert list(problems([row("a", (node,))], project)) == [f"a: there is no {node}"]


def test_a_row_with_neither_tests_nor_a_part_to_come_is_noticed(project: Path) -> None:
    assert list(problems([row("a")], project)) == ["a: needs either tests or something that it waits for"]


def test_an_id_that_is_used_twice_is_noticed(project: Path) -> None:
    assert list(problems([row("a", pending="web")] * 2, project)) == ["a: the id is used 2 times"]


def test_waiting_for_nobody_is_noticed(project: Path) -> None:
    assert list(problems([row("a", pending="shop")], project)) == ["a: nobody is to bring 'shop'"]


@pytest.mark.parametrize(
    ("pending", "file"),
    [
        ("web", "src/upcall/web/__init__.py"),
        ("server: replay", "src/upcall/server/_replay.py"),
        ("testing: cassettes", "src/upcall/testing/cassettes.py"),
    ],
)
def test_waiting_for_what_is_there_is_noticed(project: Path, pending: str, file: str) -> None:
    assert list(problems([row("a", pending=pending)], project)) == []
    (project / file).parent.mkdir(parents=True)
    (project / file).touch()
    assert list(problems([row("a", pending=pending)], project)) == [
        f"a: {pending} is there, so its tests have to be named"
    ]
