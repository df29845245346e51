"""``upcall log``: what a person, and a program, gets to see of the record."""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import anyio
import click
import msgspec
import pytest

from tests.cli.commands import UPCALL, Ended, environment, on_a_terminal, upcall
from tests.cli.recorded import answered, intent
from tests.waiting import until
from upcall.cli._clock import Clock
from upcall.cli._columns import Column, Columns, cut
from upcall.store import Record, open_store

pytestmark = pytest.mark.anyio

ACTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e]")


async def log(*arguments: str, store: str) -> Ended:
    return await upcall("log", *arguments, env=environment(UPCALL_STORE=store, TZ="UTC"))


def ids(ended: Ended) -> list[int]:
    assert ended.code == 0, ended.err
    return [int(line.split("\t")[0]) for line in ended.out.splitlines()[1:]]


async def test_the_newest_comes_first_and_a_pipe_gets_everything(store: str) -> None:
    ended = await log(store=store)
    assert ids(ended) == [6, 5, 4, 3, 2, 1]
    head, *rows = (line.split("\t") for line in ended.out.splitlines())
    by_id = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    assert by_id["2"]["OUTCOME"] == "limit_exceeded"
    assert (by_id["2"]["DECISION"], by_id["2"]["BY"]) == ("deny", "ann")
    assert (by_id["1"]["USD"], by_id["3"]["USD"], by_id["5"]["INPUT TOKENS"]) == ("0.004200", "", "")
    assert (by_id["4"]["STATE"], by_id["6"]["STATE"]) == ("lost", "started")
    assert by_id["3"]["FLAGS"] == "bidi,control,invisible"
    assert datetime.fromisoformat(by_id["1"]["STARTED"]).tzinfo is not None
    assert not ACTIVE.search(ended.out)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--server", "logs"], [4, 1]),
        (["--model", "m-1"], [5, 3, 1]),
        (["--outcome", "limit_exceeded"], [2]),
        (["--since", "1d"], [6, 5, 4, 3, 2]),
        (["--since", "150m", "--until", "1h"], [4, 3]),
        (["--text", "OLDEST"], [1]),
        (["--limit", "2"], [6, 5]),
        (["--server", "nobody"], []),
    ],
)
async def test_filters(store: str, options: list[str], expected: list[int]) -> None:
    ended = await log(*options, store=store)
    assert ids(ended) == expected if expected else "No records match." in ended.err


async def test_more_than_a_page(tmp_path: Path) -> None:
    path = tmp_path / "upcall.db"
    async with open_store(path) as opened:
        for number in range(450):
            at = datetime.now(UTC) - timedelta(seconds=number)
            await opened.add(intent(number, at=at), answered(at))
    assert len(ids(await log("--limit", "430", store=str(path)))) == 430


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
async def test_a_terminal_gets_lines_that_fit(store: str, columns: int) -> None:
    code, text = await anyio.to_thread.run_sync(
        lambda: on_a_terminal("log", "--store", store, "--utc", columns=columns)
    )
    assert code == 0
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    assert len(lines) == 7
    assert max(map(len, lines)) <= columns
    assert "WHEN (UTC)" in lines[0]
    assert not ACTIVE.search("".join(lines))
    assert "unknown" in lines[4]


async def test_one_record_is_shown_whole(store: str) -> None:
    shown = await log("show", "3", "--utc", store=store)
    assert shown.code == 0
    for expected in (
        "  tokens    1,200 in, 30 out",
        "  cost      unknown",
        "  decision  allow by default.decision",
        "  user",
        "  │ Explain.␛[2J",
        "  │ ⟨U+202E⟩evil⟨U+202C⟩hidden⟨U+200B⟩",
        "  reply",
    ):
        assert expected in [line.replace("    hidden", "hidden") for line in shown.out.splitlines()], shown.out
    assert not ACTIVE.search(shown.out)
    refused = await log("show", "2", store=store)
    assert "The prompt is too long. (code -1)" in refused.out
    assert "limits.prompt_chars" in refused.out
    lost = await log("show", "4", store=store)
    assert "lost: the process that had it is gone" in lost.out
    assert "cost" not in lost.out


async def test_show_as_json_has_everything(store: str) -> None:
    ended = await log("show", "3", "--json", store=store)
    record = msgspec.convert(json.loads(ended.out), Record)
    async with open_store(store) as opened:
        assert record == await opened.get(3)
    assert ended.out.isascii()


async def test_a_record_that_is_not_there(store: str) -> None:
    ended = await log("show", "77", store=store)
    assert (ended.code, ended.err.strip()) == (1, "Error: There is no record 77.")


async def test_export_writes_a_line_for_each_oldest_first(store: str) -> None:
    ended = await log("export", "--since", "1d", store=store)
    rows = [json.loads(line) for line in ended.out.splitlines()]
    assert [row["id"] for row in rows] == [2, 3, 4, 5, 6]
    assert "\u202eevil" in rows[1]["request"]["messages"][0]["content"]["text"]
    assert ended.out.isascii()


async def test_bodies_that_are_not_kept_or_of_another_form_are_said(tmp_path: Path) -> None:
    path = tmp_path / "upcall.db"
    at = datetime.now(UTC)
    async with open_store(path) as opened:
        await opened.add(
            intent(0, at=at, request=None, request_mode="none"), answered(at, result=None, result_mode="none")
        )
        await opened.add(
            intent(1, at=at, request={"sha256": "ab\u202e"}, request_mode="hashed", flags=({"odd": 1},)),
            answered(at, result=["?"], result_mode="hashed"),
        )
    none, hashed = await log("show", "1", store=str(path)), await log("show", "2", store=str(path))
    assert "The prompt is not kept (none)." in none.out
    assert "The reply is not kept (none)." in none.out
    assert "prompt, hashed" in hashed.out
    assert '"sha256": "ab⟨U+202E⟩"' in hashed.out
    assert '{"odd": 1}' in hashed.out


async def test_prune_asks_first(store: str) -> None:
    def run(answer: str, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*UPCALL, "log", "prune", *options], input=answer, text=True, capture_output=True, timeout=60,
            env=environment(UPCALL_STORE=store), check=False,
        )  # fmt: skip

    for answer in ("n\n", ""):
        kept = run(answer, "--older-than", "1d")
        assert kept.returncode == 1
        assert "Remove 1 of 6 records?" in kept.stdout
    assert len(ids(await log(store=store))) == 6
    assert "1 removed." in run("y\n", "--older-than", "1d").stdout
    assert ids(await log(store=store)) == [6, 5, 4, 3, 2]
    assert "removed." in run("", "--keep", "3", "--yes").stdout
    assert ids(await log(store=store)) == [6, 5, 4]
    assert "Nothing to remove" in run("", "--keep", "100").stdout
    assert run("").returncode == 2


async def test_follow_tells_of_each_once_when_it_has_ended(store: str) -> None:
    async with open_store(store) as opened:
        async with await anyio.open_process(
            [*UPCALL, "log", "--follow", "--store", store], env=environment(TZ="UTC"), stderr=None
        ) as following:
            assert following.stdout is not None
            got = ""

            async def read() -> None:
                nonlocal got
                assert following.stdout is not None
                async for piece in following.stdout:
                    got += piece.decode()

            def seen() -> list[str]:
                return [line.split("\t")[0] for line in got.splitlines()[1:]]

            async with anyio.create_task_group() as group:
                group.start_soon(read)
                await until(lambda: len(seen()) == 5)
                assert seen() == ["1", "2", "3", "4", "5"]
                at = datetime.now(UTC)
                started = await opened.begin(intent(0, at=at))
                added = await opened.add(intent(1, at=at), answered(at))
                await until(lambda: str(added) in seen())
                await opened.finish(6, answered(at))
                await opened.finish(started, answered(at))
                await until(lambda: {"6", str(started)} <= set(seen()))
                following.terminate()
                group.cancel_scope.cancel()
    assert sorted(seen()) == ["1", "2", "3", "4", "5", "6", "7", "8"]


async def test_without_a_store_it_says_so(tmp_path: Path) -> None:
    ended = await log(store=str(tmp_path / "none.db"))
    assert ended.code == 1
    assert "Nothing is recorded yet" in ended.err
    assert not await anyio.Path(tmp_path / "none.db").exists()


async def test_the_policy_names_the_store(store: str, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "upcall.toml").write_text(f'[store]\nurl = "sqlite:///{store}"\n')
    ours = environment(TZ="UTC", XDG_STATE_HOME=str(tmp_path / "state"), LOCALAPPDATA=str(tmp_path / "state"))
    assert "not trusted" in (await upcall("log", env=ours, cwd=project)).err
    assert (await upcall("policy", "trust", env=ours, cwd=project)).code == 0
    ended = await upcall("log", env=ours, cwd=project)
    assert ids(ended) == [6, 5, 4, 3, 2, 1]
    own = await upcall("log", "show", "1", "--store", store, env=environment())
    assert own.code == 0


@pytest.mark.parametrize("when", ["yesterday", "7", "7y", "2026-13-01", "99999999d"])
async def test_a_time_that_is_none_is_refused(store: str, when: str) -> None:
    ended = await log("--since", when, store=store)
    assert ended.code == 2
    assert "is no time" in ended.err


def test_times_are_read_and_said_in_the_zone_that_is_shown() -> None:
    now = datetime(2026, 7, 28, 12, 0, 30, tzinfo=UTC)
    clock = Clock(utc=True, now=now)
    assert clock.read("90m") == now - timedelta(minutes=90)
    assert clock.read("2w") == now - timedelta(weeks=2)
    assert clock.read("2026-07-01") == datetime(2026, 7, 1, tzinfo=UTC)
    assert clock.read("2026-07-01T10:00+02:00") == datetime(2026, 7, 1, 8, tzinfo=UTC)
    assert clock.full(now.astimezone(timezone(timedelta(hours=2)))) == "2026-07-28 12:00:30 UTC"
    assert (clock.short(now), clock.short(now - timedelta(days=400))) == ("07-28 12:00:30", "2025-06-23")
    with pytest.raises(click.BadParameter):
        clock.read("999999w")
    local = Clock(now=now)
    assert local.read("2026-07-01") == datetime(2026, 7, 1).astimezone()
    assert datetime.fromisoformat(local.iso(now)) == now


def test_columns_give_way_and_never_grow_beyond_the_screen() -> None:
    columns = [Column("ID", 5, right=True), Column("NAME", 40), Column("WHAT", 40)]
    rows = [[("7", ""), ("n" * 40, ""), ("漢字" * 20, "red")]]
    drawn = Columns(columns, rows, 40)
    assert drawn.width == 40
    assert click.unstyle(drawn.line(rows[0])) == f"{'7':>2}  {'n' * 16}…  {'漢字' * 4}…"
    assert cut("a\nb\x1b[2J", 20) == "a b␛[2J"
