"""``upcall usage``: sums, with what is not known said."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from tests.cli.commands import Ended, environment, on_a_terminal, upcall
from tests.cli.recorded import answered, intent
from upcall.store import open_store

pytestmark = pytest.mark.anyio


async def usage(*arguments: str, store: str) -> Ended:
    return await upcall("usage", *arguments, env=environment(UPCALL_STORE=store, TZ="UTC"))


async def test_a_pipe_gets_a_row_for_each_group(store: str) -> None:
    ended = await usage("--by", "server", store=store)
    head, *rows = (line.split("\t") for line in ended.out.splitlines())
    logs = next(dict(zip(head, row, strict=True)) for row in rows if row[0] == "logs")
    assert (logs["CALLS"], logs["ANSWERED"], logs["INPUT TOKENS"], logs["USD"]) == ("2", "1", "1200", "0.004200")
    odd = next(dict(zip(head, row, strict=True)) for row in rows if row[0].startswith("odd"))
    assert odd["UNPRICED"] == "1"
    assert odd["SERVER"] == "odd␛[31m⟨U+202E⟩name"


async def test_json_is_what_the_store_sums(store: str) -> None:
    rows = json.loads((await usage("--by", "model,outcome", "--json", store=store)).out)
    assert sum(row["calls"] for row in rows) == 6
    assert {"answered", "limit_exceeded", None} == {row["outcome"] for row in rows}


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("by", ["server,model", "day", "server,model,outcome", "hour"])
async def test_a_terminal_gets_lines_that_fit_a_sum_and_bars(store: str, columns: int, by: str) -> None:
    code, text = await anyio.to_thread.run_sync(
        lambda: on_a_terminal("usage", "--store", store, "--by", by, columns=columns)
    )
    assert code == 0
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    table = lines[:-1]
    assert max(map(len, table)) <= columns
    assert "$0.0042 + 1 unknown" in table[-1]
    assert lines[-1].startswith("Without 1 answer for which the provider counted no tokens")


async def test_bars_are_as_long_as_their_share(tmp_path: Path) -> None:
    path = tmp_path / "upcall.db"
    at = datetime.now(UTC)
    async with open_store(path) as opened:
        for number, cost in enumerate((10_000_000, 5_000_000, 1)):
            begun = at - timedelta(minutes=number)
            await opened.add(intent(number, at=begun), answered(begun, micro_usd=cost))
    _, text = await anyio.to_thread.run_sync(
        lambda: on_a_terminal("usage", "--store", str(path), "--by", "server", columns=120)
    )
    bars = {line.split()[0]: line.count("█") for line in text.splitlines()[1:4]}
    assert bars["logs"] == 2 * bars["files"] > 0
    assert "▏" in text
    assert "by cost" in text


async def test_nothing_known_is_not_nothing_spent(store: str) -> None:
    code, text = await anyio.to_thread.run_sync(
        lambda: on_a_terminal("usage", "--store", store, "--by", "server", "--outcome", "answered", "--since", "1d")
    )
    assert code == 0
    odd, files = (next(line for line in text.splitlines() if line.startswith(name)) for name in ("odd", "files"))
    assert odd.split("30")[1].split()[:2] == ["1", "unknown"]
    assert files.split()[:3] == ["files", "1", "1"]


@pytest.mark.parametrize(
    ("by", "told"), [("sever", "Did you mean 'server'?"), ("day,hour", "An hour lies within its day")]
)
async def test_what_cannot_be_summed_by_is_refused(store: str, by: str, told: str) -> None:
    ended = await usage("--by", by, store=store)
    assert ended.code == 2
    assert told in ended.err


async def test_no_records(store: str) -> None:
    assert "No records match." in (await usage("--server", "nobody", store=store)).err
    assert (await usage("--server", "nobody", "--json", store=store)).out == "[]\n"
