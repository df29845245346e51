"""What an examination finds out about real processes, configs, policies and records."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mcp.server.mcpserver import Context, MCPServer

from tests.gateway.http.places import served
from tests.server.peers import user
from upcall.gateway.examining import (
    Behind,
    Examined,
    Finding,
    Options,
    Report,
    Target,
    call_through,
    examine,
    targets_in,
)
from upcall.store import Amount, Intent, Limit, Outcome, Reservation, open_store

pytestmark = pytest.mark.anyio

HERE = Path(__file__).parent
PECULIAR = str(HERE / "peculiar.py")
ECHO = '[default]\ndecision = "allow"\nmodel = "command/echo"\n[command.echo]\nargv = ["cat"]\n'
NEVER = "s3cr3t-t0ken"


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "user"))
    for variable in ("UPCALL_POLICY", "UPCALL_STORE", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("upcall.gateway.examining._probing._GRACE", 0.1)
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")


def peculiar(manner: str, **more: Any) -> Target:
    return Target(**{"name": manner, "argv": (sys.executable, PECULIAR, manner), **more})


def policy(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "policy.toml"
    file.write_text(text)
    return file


async def examined(target: Target, **options: Any) -> Examined:
    return await examine(target, Options(**{"seconds": 20.0, **options}), dict(os.environ))


async def reported(target: Target, **options: Any) -> Report:
    return (await examined(target, **options)).report


def of(report: Report, topic: str) -> list[Finding]:
    return [one for one in report.findings if one.topic == topic]


@pytest.mark.parametrize(("manner", "era"), [("legacy", "legacy"), ("late", "legacy"), ("modern", "modern")])
async def test_a_tool_that_is_there_only_for_clients_that_can_sample_is_found_in_both_eras(
    manner: str, era: str
) -> None:
    report = await reported(peculiar(manner))
    assert (report.era, report.tools, report.server) == (era, 2, "peculiar 1")
    assert [(one.tool, one.sure) for one in report.samples] == [("explain", "hidden")]
    assert of(report, "start") == [Finding("ok", "start", "starts, and has 2 tools")]


@pytest.mark.parametrize("manner", ["touchy", "silent"])
async def test_a_server_that_dies_or_falls_silent_at_discovery_is_asked_the_old_way(
    manner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upcall.gateway.examining._probing._DISCOVERY", 0.3)
    report = await reported(peculiar(manner))
    assert (report.era, report.version) == ("legacy", "2025-11-25")
    assert [one.tool for one in report.samples] == ["explain"]


async def test_a_server_that_serves_only_clients_that_can_sample_is_known_by_its_error() -> None:
    report = await reported(peculiar("demanding"))
    assert [(one.tool, one.sure) for one in report.samples] == [("add", "hidden"), ("explain", "hidden")]
    assert "only clients that can sample" in report.samples[0].how[0]


async def test_metadata_and_descriptions_are_signs_and_words_that_only_look_alike_are_none() -> None:
    report = await reported(peculiar("metadata"))
    assert [(one.tool, one.sure) for one in report.samples] == [("add", "metadata")]
    report = await reported(peculiar("described"))
    assert [(one.tool, one.sure) for one in report.samples] == [("explain", "description")]


async def test_all_pages_of_a_listing_are_read() -> None:
    assert (await reported(peculiar("pages"))).tools == 3


async def test_a_server_that_crashes_shows_its_last_words_without_its_secrets() -> None:
    report = await reported(peculiar("crash", env={"API_TOKEN": NEVER}))
    [found] = of(report, "start")
    assert found.level == "missing"
    assert "exit code 1" in found.text
    assert found.lines == ("cannot find ••••",)
    assert NEVER not in repr(report)
    assert not report.fine


async def test_a_server_that_hangs_costs_its_deadline_and_is_killed() -> None:
    report = await reported(peculiar("hang"), seconds=1.0)
    [found] = of(report, "start")
    assert found.text == "It gave no answer to initialize within 1 seconds."


async def test_lines_that_are_no_messages_are_told_and_do_no_harm() -> None:
    report = await reported(peculiar("garbage"))
    ok, note = of(report, "start")
    assert ok.level == "ok"
    assert "Server is running" in note.text


async def test_a_listing_that_cannot_be_read_and_an_error_are_told() -> None:
    [found] = of(await reported(peculiar("unreadable")), "start")
    assert "lists no tools" in found.text
    [found] = of(await reported(peculiar("unfriendly")), "start")
    assert "\n" not in found.text
    assert "answered initialize with an error" in found.text


async def test_a_name_of_a_server_cannot_write_lines_of_the_report() -> None:
    report = await reported(peculiar("hostile"))
    assert len(report.samples) == 1
    assert "\n" not in report.samples[0].tool


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (("/no/such/program",), "There is no program '/no/such/program'."),
        (("/",), "It cannot be started: "),
        (("a\0b",), "null"),
    ],
)
async def test_a_program_that_cannot_be_started_is_told(argv: tuple[str, ...], text: str) -> None:
    [found] = of(await reported(Target(name="x", argv=argv)), "start")
    assert (found.level, text in found.text) == ("missing", True)


async def test_an_address_where_nobody_is_and_one_that_is_none_are_told() -> None:
    [found] = of(await reported(Target(name="x", url="http://127.0.0.1:9/mcp")), "start")
    assert (found.level, found.text) == ("missing", "It cannot be reached.")
    [found] = of(await reported(Target(name="x", url="http:///mcp")), "start")
    assert "none of an HTTP server" in found.text


async def test_a_server_runs_with_the_directory_and_the_environment_of_its_entry(tmp_path: Path) -> None:
    behind = Behind(command=sys.executable, private=("PRIVATE",))
    env = {"SETTING": "on", "PRIVATE": "mine"}
    found = await examined(peculiar("place", cwd=tmp_path, env=env, behind=behind))
    assert found.tools[0]["name"] == f"{tmp_path}|on|None"
    [told] = of(await reported(peculiar("place", cwd=tmp_path / "gone")), "start")
    assert "Its directory does not exist." in told.text


def config(**servers: Any) -> Path:
    file = Path(".mcp.json").absolute()
    file.write_text(json.dumps({"mcpServers": servers}))
    return file


def test_an_entry_is_read_as_its_client_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE", "/there")
    file = config(
        logs={
            "command": "${WHERE}/run",
            "args": ["${LEVEL:-debug}", "${ABSENT}", "${input:key}", "${workspaceFolder}"],
            "cwd": "sub",
        },
        web={"url": "https://x.example/mcp", "headers": {"Authorization": "Bearer ${WHERE}"}},
        off={"command": "x", "disabled": True},
        old={"type": "sse", "url": "https://x.example/sse"},
        odd=["x"],
        empty={},
    )
    logs, web, off, old, odd, empty = targets_in(file, os.environ)
    assert logs.argv == ("/there/run", "debug", "${ABSENT}", "${input:key}", str(file.parent))
    assert logs.cwd == file.parent / "sub"
    assert logs.remarks == ("ABSENT, which it names, is not set here.", "Only the client can fill in ${input:key}.")
    assert (web.url, web.headers) == ("https://x.example/mcp", {"Authorization": "Bearer /there"})
    assert "switched off" in off.skipped
    assert "SSE" in old.skipped
    assert "no table" in odd.skipped
    assert "neither a command nor an address" in empty.skipped


def test_a_variable_without_braces_is_filled_in_for_gemini_cli_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERE", "there")
    entry = {"url": "https://x.example/mcp", "headers": {"Authorization": "Bearer $WHERE ${WHERE}"}}
    other = config(web=entry)
    gemini = Path(".gemini/settings.json").absolute()
    gemini.parent.mkdir()
    gemini.write_text(other.read_text())
    assert [targets_in(file, os.environ)[0].headers for file in (other, gemini)] == [
        {"Authorization": "Bearer $WHERE there"},
        {"Authorization": "Bearer there there"},
    ]


def test_a_wrapped_entry_is_seen_through(monkeypatch: pytest.MonkeyPatch) -> None:
    front = ["gateway", "--name", "notes", "--policy", "p.toml", "--private-env", "KEY", "--protocol", "legacy"]
    file = config(
        a={"command": "/opt/upcall", "args": [*front, "--", "python", "s.py"]},
        b={
            "command": "upcall",
            "args": ["gateway", "--upstream", "https://x.example/mcp", "--header-env", "H1", "--header-env", "H2"],
            "env": {"H1": "X-One: 1"},
        },
    )
    monkeypatch.setenv("H2", "X-Two: 2")
    a, b = targets_in(file, os.environ)
    assert (a.name, a.entry, a.argv) == ("notes", "a", ("python", "s.py"))
    assert a.behind == Behind(command="/opt/upcall", policy="p.toml", private=("KEY",), protocol="legacy")
    assert (b.name, b.url) == ("x.example", "https://x.example/mcp")
    assert b.headers == {"X-One": "1", "X-Two": "2"}


async def test_an_entry_that_samples_and_is_not_behind_the_gateway_lacks_it(tmp_path: Path) -> None:
    entry = {"command": sys.executable, "args": [PECULIAR, "legacy"]}
    wrapped = {"command": str(tmp_path / "upcall"), "args": ["gateway", "--name", "x", "--", *entry.values()]}
    wrapped["args"] = ["gateway", "--name", "x", "--", sys.executable, PECULIAR, "legacy"]
    file = config(bare=entry, calm={"command": sys.executable, "args": [PECULIAR, "pages"]}, gone=wrapped)
    bare, calm, gone = await asyncio.gather(*map(reported, targets_in(file, os.environ)))
    [found] = of(bare, "wrap")
    assert (found.level, found.remedy) == ("missing", f"`upcall wrap {file}`")
    [found] = of(calm, "wrap")
    assert found.level == "info"
    assert calm.fine, "nothing shows that it samples, so that no model is there is no matter"
    [found] = of(gone, "wrap")
    assert (found.level, "there is no program" in found.text) == ("missing", True)


async def test_without_a_policy_the_model_is_what_is_missing() -> None:
    report = await reported(peculiar("legacy"))
    [found] = of(report, "model")
    assert (found.level, found.text) == ("missing", "No model answers: the policy names none.")
    report = await reported(peculiar("legacy"), model="anthropic/claude-sonnet-5")
    [found] = of(report, "model")
    assert (found.level, found.remedy) == ("missing", "ANTHROPIC_API_KEY is not set.")


async def test_a_key_that_the_entry_hands_the_gateway_is_there() -> None:
    behind = Behind(command=sys.executable, model="anthropic/claude-sonnet-5")
    report = await reported(peculiar("legacy", env={"ANTHROPIC_API_KEY": NEVER}, behind=behind))
    [found] = of(report, "model")
    assert found == Finding("ok", "model", "anthropic/claude-sonnet-5 answers")
    assert NEVER not in repr(report)


async def test_the_policy_decides_by_the_name_of_the_server(tmp_path: Path) -> None:
    file = policy(tmp_path, ECHO + '[server.legacy]\ndecision = "deny"\nsampling = "client"\n')
    denied, note = of(await reported(peculiar("legacy"), policy=file), "policy")
    assert (denied.level, "deny" in denied.text, note.level) == ("missing", True, "note")
    report = await reported(peculiar("modern"), policy=file)
    assert [one.level for one in of(report, "policy")] == ["ok"]
    assert report.fine


@pytest.mark.parametrize(
    ("by", "level", "text"),
    [("terminal", "ok", "elicitation"), ("store", "ok", "pending"), ("none", "missing", "refused")],
)
async def test_whether_a_person_can_be_reached_is_told(tmp_path: Path, by: str, level: str, text: str) -> None:
    file = policy(tmp_path, ECHO.replace('"allow"', '"ask"') + f'[approval]\nby = "{by}"\n')
    [found] = of(await reported(peculiar("legacy"), policy=file), "approval")
    assert (found.level, text in found.text) == (level, True)


async def test_a_policy_that_is_wrong_and_one_that_is_not_trusted_are_told(tmp_path: Path) -> None:
    file = policy(tmp_path, "[default]\ndecision = 'perhaps'\n")
    [found] = of(await reported(peculiar("legacy"), policy=file), "policy")
    assert (found.level, found.text.startswith("No policy can hold")) == ("missing", True)
    policy(tmp_path / "project", ECHO).rename("upcall.toml")
    [found] = of(await reported(peculiar("legacy")), "policy")
    assert "not trusted" in found.text
    assert "upcall policy trust" in found.remedy


async def test_the_record_says_who_sampled_and_what_is_left(tmp_path: Path) -> None:
    place = tmp_path / "record.db"
    now = datetime.now(UTC)
    async with open_store(place) as store:
        for tool in ("add", "add", "gone"):
            intent = Intent(server="legacy", method="tools/call", name=tool, started_at=now)
            await store.add(intent, Outcome(label="answered", latency=1.0, finished_at=now))
        limit = Limit(key="server:legacy", window="day", calls=3)
        held = await store.reserve([limit], Amount(calls=3), 60.0)
        assert isinstance(held, Reservation)
        await store.settle(held, Amount(calls=3))
    file = policy(tmp_path, ECHO + '[[budget]]\nfor = "server:*"\nper = "day"\ncalls = 3\n')
    report = await reported(peculiar("legacy"), policy=file, store=str(place))
    assert [(one.tool, one.sure) for one in report.samples] == [
        ("add", "recorded"),
        ("explain", "hidden"),
        ("gone", "recorded"),
    ]
    assert report.samples[0].how[0].startswith(f"sampled 2 times, last on {now:%Y-%m-%d}")
    [budget] = of(report, "budget")
    assert (budget.level, "0 of 3 calls left" in budget.text) == ("missing", True)


async def test_a_record_is_not_made_by_looking_and_a_broken_one_is_told(tmp_path: Path) -> None:
    place = tmp_path / "new" / "record.db"
    [found] = of(await reported(peculiar("legacy"), store=str(place)), "store")
    assert (found.level, place.parent.exists()) == ("ok", False)
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"no database" * 1000)
    [found] = of(await reported(peculiar("legacy"), store=str(broken)), "store")
    assert found.level == "missing"


async def test_a_call_goes_through_a_real_session_and_says_what_was_sampled(tmp_path: Path) -> None:
    file, record = policy(tmp_path, ECHO), str(tmp_path / "r.db")
    found = await examined(peculiar("asking"), policy=file, store=record)
    called = await call_through(found, "explain", {"text": "what?"}, dict(os.environ), 30.0)
    assert called.fine, called
    [sample] = called.samples
    assert (sample.prompt, sample.model, called.text) == ("what?", "command/echo", sample.reply)
    again = await reported(peculiar("asking"), policy=file, store=record)
    assert again.samples[0].how[1].startswith("sampled once")


async def test_a_call_whose_sampling_is_refused_says_why(tmp_path: Path) -> None:
    file = policy(tmp_path, ECHO + "[server.asking.limits]\nprompt_chars = 3\n")
    found = await examined(peculiar("asking"), policy=file, store=str(tmp_path / "r.db"))
    called = await call_through(found, "explain", {"text": "what?"}, dict(os.environ), 30.0)
    assert (called.fine, called.is_error) == (False, True)
    assert (called.samples[0].answered, called.samples[0].reply in called.text) == (False, True)


async def test_a_sample_that_waits_for_a_person_when_the_time_is_up_is_told(tmp_path: Path) -> None:
    file = policy(tmp_path, ECHO.replace('"allow"', '"ask"') + '[approval]\nby = "store"\n')
    found = await examined(peculiar("asking"), policy=file, store=str(tmp_path / "r.db"))
    called = await call_through(found, "explain", {"text": "what?"}, dict(os.environ), 1.5)
    assert (called.fine, called.failed) == (False, "It has no result after 1.5 seconds.")
    assert [(one.prompt, one.answered) for one in called.samples] == [("what?", False)]


@pytest.mark.parametrize(
    ("held", "behind"), [("", None), ('protocol = "legacy"\n', None), ("", Behind(command="upcall", protocol="legacy"))]
)
async def test_a_tool_that_cannot_ask_on_the_newer_protocol_is_told_what_to_do_and_that_helps(
    tmp_path: Path, held: str, behind: Behind | None
) -> None:
    file = policy(tmp_path, f"{ECHO}[server.mcp2]\n{held}")
    target = Target(
        name="mcp2",
        argv=(sys.executable, "-m", "benchmarks.peers.serve", "mcp2", "stdio"),
        cwd=HERE.parents[1],
        behind=behind,
    )
    found = await examined(target, policy=file, store=str(tmp_path / "r.db"))
    assert found.report.era == "modern"
    called = await call_through(found, "create_message", {"text": "what?"}, dict(os.environ), 30.0)
    if held or behind:
        assert called.fine, called
        assert (called.hint, called.samples[0].prompt) == ("", "Summarize: what?")
        [one] = of(found.report, "protocol")
        assert one.text.endswith(f"({file}:7 server.mcp2.protocol)" if held else "(--protocol)")
    else:
        assert (called.fine, called.samples) == (False, ())
        assert "no back-channel" in called.failed
        assert 'protocol = "legacy" under [server.mcp2]' in called.hint
        assert of(found.report, "protocol") == []


@pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")
async def test_over_stateless_http_it_cannot_ask_on_the_older_one_either_and_is_not_told_to(tmp_path: Path) -> None:
    file = policy(tmp_path, ECHO + '[server.mcp2]\nprotocol = "legacy"\n')
    server = MCPServer("stateless")

    @server.tool()
    async def explain(text: str, ctx: Context) -> str:
        return str((await ctx.session.create_message([user(text)], max_tokens=9)).content)

    async with served(server, stateless_http=True) as url:
        found = await examined(Target(name="mcp2", url=url), policy=file, store=str(tmp_path / "r.db"))
        called = await call_through(found, "explain", {"text": "what?"}, dict(os.environ), 30.0)
    assert "no back-channel" in called.failed
    assert (called.fine, called.hint) == (False, "")


async def test_a_server_that_dies_in_the_call_is_told(tmp_path: Path) -> None:
    found = await examined(peculiar("legacy"), policy=policy(tmp_path, ECHO), store=str(tmp_path / "r.db"))
    called = await call_through(found, "add", {}, dict(os.environ), 30.0)
    assert (called.fine, called.failed != "") == (False, True)
