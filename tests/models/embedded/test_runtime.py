"""Loading that fails, and leaving the interpreter while native code runs."""

from __future__ import annotations

import asyncio
import importlib.abc
import os
import subprocess
import sys
import threading
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

from upcall.errors import ConfigurationError
from upcall.models.embedded import EmbeddedModel
from upcall.wire import SamplingRequest, decode_request

pytestmark = [pytest.mark.anyio, pytest.mark.embedded]


def _request() -> SamplingRequest:
    return decode_request({"messages": [{"role": "user", "content": {"type": "text", "text": "?"}}], "maxTokens": 2})


async def test_missing_weights_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPCALL_CACHE", str(tmp_path))
    with pytest.raises(ConfigurationError, match="upcall model install smollm2"):
        await EmbeddedModel().complete(_request())


async def test_a_missing_file_of_ones_own_is_named_without_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"mine\.gguf does not exist") as caught:
        await EmbeddedModel(str(tmp_path / "mine.gguf")).complete(_request())
    assert str(tmp_path) not in str(caught.value)
    assert str(tmp_path) in caught.value.detail


async def test_a_file_that_is_no_model_fails_each_time_and_leaves_no_thread(tmp_path: Path) -> None:
    (tmp_path / "junk.gguf").write_bytes(b"GGUF" + bytes(1000))
    model = EmbeddedModel(str(tmp_path / "junk.gguf"))
    assert model.name == "local/junk.gguf"
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="could not be loaded"):
            await model.complete(_request())
    with pytest.raises(ConfigurationError, match="could not be loaded"):
        await model.http_endpoint()
    await model.aclose()
    for thread in threading.enumerate():
        if thread.name == "upcall-junk":
            thread.join(10)  # may be on its last instructions
            assert not thread.is_alive()


async def test_closing_straight_after_loading_does_not_hang() -> None:
    own = EmbeddedModel(n_ctx=512)
    for _ in range(8):
        async with asyncio.timeout(20):
            await own.http_endpoint()
            await own.aclose()


async def test_a_missing_runtime_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'upcall\[local\]'"):
        await EmbeddedModel(n_ctx=300).complete(_request())


async def test_a_missing_libgomp_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    class WithoutLibgomp(importlib.abc.MetaPathFinder):
        def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
            if name == "xllamacpp":
                raise ImportError("libgomp.so.1: cannot open shared object file: No such file or directory")
            return None

    monkeypatch.delitem(sys.modules, "xllamacpp", raising=False)
    monkeypatch.setattr(sys, "meta_path", [WithoutLibgomp(), *sys.meta_path])
    with pytest.raises(ConfigurationError, match="apt install libgomp1"):
        await EmbeddedModel(n_ctx=301).complete(_request())


LEAVE = """
import asyncio, sys, threading, time
from upcall.models.embedded import EmbeddedModel, runtime
from upcall.wire import decode_request

how = sys.argv[1]
turn = {"role": "user", "content": {"type": "text", "text": "Tell me a long story."}}
request = decode_request({"messages": [turn], "maxTokens": 3000})

def generating():
    return any(one._current is not None for one in runtime._table.values())

def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)

async def leave_from_inside():
    task = asyncio.create_task(EmbeddedModel().complete(request))
    await asyncio.to_thread(wait_for, generating)
    assert not task.done()
    sys.exit(3)

if how == "from inside":
    asyncio.run(leave_from_inside())
else:
    thread = threading.Thread(target=lambda: asyncio.run(EmbeddedModel().complete(request)), daemon=True)
    thread.start()
    wait_for(generating if how == "generating" else lambda: runtime._table)
    sys.exit(3)
"""


@pytest.mark.parametrize("how", ["generating", "loading", "from inside"])
def test_leaving_the_interpreter_midway_is_clean_and_quick(how: str) -> None:
    command = [sys.executable, "-X", "faulthandler", "-c", LEAVE, how]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ})
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "Fatal" not in ended.stderr
    assert "terminate" not in ended.stderr
