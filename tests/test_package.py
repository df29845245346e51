"""The package's face: complete, and light at the door."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import upcall

HEAVY = ("mcp", "mcp_types", "pydantic", "anthropic", "openai", "fastmcp", "xllamacpp", "rich", "anyio")


def loaded_by(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after ``statement``."""
    script = f"{statement}\nimport sys\nprint(' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(run.stdout.splitlines()[-1].split())


def test_every_name_of_the_face_can_be_had() -> None:
    for name in upcall.__all__:
        assert getattr(upcall, name) is not None
    assert set(upcall.__all__) <= set(dir(upcall))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = upcall.nonsense


def test_every_room_lists_what_it_gives() -> None:
    for room in ("errors", "wire", "models", "host", "server", "testing"):
        module = importlib.import_module(f"upcall.{room}")
        for name in module.__all__:
            assert getattr(module, name) is not None


@pytest.mark.parametrize("statement", ["import upcall", "import upcall.errors"])
def test_importing_upcall_loads_nothing_heavy(statement: str) -> None:
    assert not loaded_by(statement) & {*HEAVY, "msgspec", "click"}


def test_wire_and_models_load_no_sdk() -> None:
    loaded = loaded_by("import upcall.wire, upcall.models, upcall.models.catalog")
    assert not loaded & {"mcp", "mcp_types", "pydantic", "anthropic", "openai", "fastmcp", "xllamacpp"}


def test_a_host_loads_no_sdk_before_it_works() -> None:
    loaded = loaded_by("from upcall.host import Host; Host('openai/some-model')")
    assert not loaded & {"mcp", "mcp_types", "pydantic", "anthropic", "openai", "fastmcp", "xllamacpp"}


def test_the_command_line_helps_without_loading_an_sdk() -> None:
    loaded = loaded_by("from upcall.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass")
    assert not loaded & {"mcp", "mcp_types", "pydantic", "anthropic", "openai", "fastmcp", "xllamacpp"}
