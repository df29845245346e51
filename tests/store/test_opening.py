"""Addresses of stores, and what may be seen of them."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.samples import intent
from upcall.errors import ConfigurationError, StoreError
from upcall.store import Store, default_location, open_store

pytestmark = pytest.mark.anyio


async def test_the_file_and_its_folder_are_for_the_user_alone(sqlite_file: Path) -> None:
    async with open_store(sqlite_file) as store:
        await store.begin(intent())
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in sqlite_file.parent.iterdir()}
    assert modes == {"upcall.db": 0o600, "upcall.db-wal": 0o600, "upcall.db-shm": 0o600}
    assert stat.S_IMODE(sqlite_file.parent.stat().st_mode) == 0o700


def test_a_folder_that_is_there_keeps_its_permissions(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    asyncio.run(_open_and_close(tmp_path / "record.db"))
    assert (tmp_path / "record.db").exists()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_the_room_loads_neither_a_driver_nor_an_sdk_before_it_needs_one() -> None:
    script = "import sys; from upcall.store import open_store; open_store(':memory:'); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    loaded = {name.partition(".")[0] for name in run.stdout.split()}
    assert "msgspec" in loaded
    assert not loaded & {"psycopg", "mcp", "pydantic", "anthropic", "openai", "fastmcp"}


@pytest.mark.parametrize("form", ["{path}", "sqlite:///{path}"])
async def test_a_path_and_its_address_are_the_same_store(sqlite_file: Path, form: str) -> None:
    async with open_store(sqlite_file) as store:
        record = await store.begin(intent())
    async with open_store(form.format(path=sqlite_file)) as store:
        assert await store.get(record) is not None


async def test_memory_is_each_stores_own() -> None:
    async with open_store(":memory:") as one, open_store(":memory:") as other:
        record = await one.begin(intent())
        assert await one.get(record) is not None
        assert await other.get(record) is None


async def test_a_store_opens_itself_on_first_use(url: str) -> None:
    store = open_store(url)
    assert await store.begin(intent()) > 0
    await store.aclose()


async def test_a_closed_store_says_so(url: str) -> None:
    store = open_store(url)
    await store.open()
    await store.aclose()
    await store.aclose()
    with pytest.raises(StoreError, match="closed"):
        await store.begin(intent())


def test_one_store_serves_several_event_loops(url: str) -> None:
    store = open_store(url)
    ids = [asyncio.run(_begin(store)) for _ in range(3)]
    assert len(set(ids)) == 3
    asyncio.run(store.aclose())


async def _open_and_close(path: Path) -> None:
    async with open_store(path):
        pass


async def _begin(store: Store) -> int:
    return await store.begin(intent())


def test_without_an_address_the_variable_counts_then_the_users_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPCALL_STORE", "/somewhere/else.db")
    assert repr(open_store()) == "<Store sqlite /somewhere/else.db>"
    monkeypatch.delenv("UPCALL_STORE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_location() == Path("/state/upcall/upcall.db")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/ann")
    assert default_location() == Path("/home/ann/.local/state/upcall/upcall.db")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert default_location() == Path("/home/ann/Library/Application Support/upcall/upcall.db")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert default_location() == Path("/local/upcall/upcall.db")


@pytest.mark.parametrize("url", ["", "mysql://root:hunter2@host/db", "sqlite://hunter2", "sqlite:///"])
def test_another_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="no address") as caught:
        open_store(url)
    assert "hunter2" not in f"{caught.value} {caught.value.detail} {caught.value!r}"


def test_a_missing_driver_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upcall.store.opening.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"upcall\[postgres\]"):
        open_store("postgresql://ann:hunter2@host/db")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:hunter2@127.0.0.1:1/db",
        "postgresql://ann:hunter%32@127.0.0.1:1/db",
        "postgresql://ann:hunter2@127.0.0.1:1/db?nonsense=1",
        "postgresql://ann:hunter2@127.0.0.1:nonsense/db",
        "postgresql://ann:hunter2@[::1/db",
        "postgresql://127.0.0.1:1/db?user=ann&password=hunter2",
    ],
)
async def test_a_password_is_never_seen(url: str) -> None:
    store = open_store(url, timeout=2)
    with pytest.raises(StoreError) as caught:
        await store.open()
    await store.aclose()
    seen = [repr(store), str(caught.value), caught.value.detail, repr(caught.value), str(caught.value.to_wire())]
    assert not [text for text in seen if "hunter" in text]
    cause: BaseException | None = caught.value
    while cause is not None:
        assert "hunter" not in str(cause)
        cause = cause.__cause__ or cause.__context__
