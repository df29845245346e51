"""Every example runs as its docstring says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.examples.running import CLIENTS, SERVERS, run, serving, written
from tests.matrix.cases import CASES, EXAMPLES, client_model
from tests.matrix.clients import CLIENTS as PEERS
from tests.matrix.clients import ERAS
from tests.matrix.places import EXAMPLES_FOLDER, environment
from tests.matrix.test_matrix import call
from upcall.host import Host

pytestmark = pytest.mark.anyio

FILES = [f"{name}.py" for name in SERVERS] + [f"clients/{name}.py" for name in CLIENTS]


def about(file: str) -> str:
    """An example's docstring."""
    return ast.get_docstring(ast.parse((EXAMPLES_FOLDER / file).read_text(encoding="utf-8"))) or ""


@pytest.mark.parametrize("file", FILES)
async def test_help_tells_what_it_shows_and_how_to_run_it(file: str, tmp_path: Path) -> None:
    printed = await run(file, "--help", folder=tmp_path)
    assert about(file)
    assert about(file) in printed
    assert f"python examples/{file}" in about(file)
    assert not written(tmp_path)


def test_the_matrix_leaves_no_server_out() -> None:
    assert SERVERS == EXAMPLES


@pytest.mark.parametrize("example", SERVERS)
async def test_a_server_serves_http(example: str, tmp_path: Path) -> None:
    case = CASES[example][0]
    variables = environment(tmp_path, "http://127.0.0.1:1")
    async with serving(example, folder=tmp_path, variables=variables) as url:
        async with PEERS["mcp"](url, ERAS[1], Host(client_model(example))) as peer:
            outcome = await call(peer, case)
    assert case.says in outcome.text
