"""The gateway's pages and deployment files say what is so: commands, policies, numbers and files are tried."""

from __future__ import annotations

import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import anyio
import click
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from tests.cli.commands import SERVER, UPCALL, environment, model_of, says
from tests.models.facade import Facade
from upcall.cli import main
from upcall.gateway import performing, sealing
from upcall.gateway.http.children import hosting
from upcall.gateway.http.client import upstream
from upcall.gateway.http.front import guards, listening
from upcall.gateway.http.proxy import exchange, proxying
from upcall.gateway.stdio import lines
from upcall.host import Host
from upcall.host.policy import parse_policy

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "examples" / "deploy"
PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("gateway", "operating")}
FILES = {path.name: path.read_text(encoding="utf-8") for path in DEPLOY.iterdir()}
UNIT = FILES["upcall-gateway.service"]
NGINX = shutil.which("nginx", path=os.pathsep.join([*os.get_exec_path(), "/usr/sbin"]))


def blocks(language: str) -> list[str]:
    return [
        block
        for page in PAGES.values()
        for block in re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    ]


def commands() -> list[str]:
    """Every command line of upcall on the pages and in the unit: in blocks, and in prose where it is whole."""
    found = [line.partition("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found += re.findall(r"^upcall .*$", readme, re.MULTILINE)
    for page in (*PAGES.values(), readme):
        found += re.findall(r"`(upcall [a-z-][^`…]*)`", page)
    found += re.findall(r"^ExecStart=\S*/(upcall .*)$", UNIT, re.MULTILINE)
    found.append(shlex.join(json.loads(re.findall(r"^ENTRYPOINT (.*)$", FILES["Containerfile"], re.MULTILINE)[0])))
    found = [line.removeprefix("opentelemetry-instrument ") for line in found]
    return sorted({line for line in found if line.startswith("upcall ")})


def parsed(words: list[str]) -> None:
    """As click reads them, down to the last group, without running anything."""
    command: click.Command = main
    context: click.Context | None = None
    while True:
        context = command.make_context(words[0], words[1:], parent=context)
        if not isinstance(command, click.Group) or not (rest := [*context._protected_args, *context.args]):
            return
        name, found, left = command.resolve_command(context, rest)
        assert found is not None, name
        command, words = found, [str(name), *left]


@pytest.mark.parametrize("line", commands())
def test_a_command_on_the_pages_is_one(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("FILE", ".mcp.json"):
        (tmp_path / name).touch()
    parsed(shlex.split(line))


def test_what_is_no_command_is_noticed() -> None:
    for line in ("upcall gatway -- x", "upcall gateway --policy", "upcall log prune --older 3d"):
        with pytest.raises(click.UsageError):
            parsed(shlex.split(line))
    assert len(commands()) > 20


@pytest.mark.parametrize("text", [*blocks("toml"), FILES["upcall.toml"]])
def test_a_policy_on_the_pages_is_one(text: str) -> None:
    parse_policy(text)


def test_the_numbers_on_the_page_are_the_codes() -> None:
    told = {
        "32 MB |": parse_policy("").gateway.body_bytes == 32_000_000,
        "| 60 s | 408 |": listening._BODY_SECONDS == 60,
        "| 64 KiB, 30 s until": (guards.HEADER_BYTES, listening._HEAD_SECONDS) == (64 << 10, 30),
        "| message of a server behind HTTP | 256 MiB,": proxying.FRAME_BYTES == 256 << 20,
        "| line on stdio | 1 GiB |": lines.LONGEST == 1 << 30,
        "| 10,000, and 30 minutes": (proxying.CONNECTIONS, proxying.IDLE_SECONDS) == (10_000, 1800),
        "| 64 per server, ended": default(hosting.Hosting, "processes") == 64,
        "ended after 30 minutes without use | 503 |": default(hosting.Hosting, "idle_seconds") == 1800,
        "only the 64 processes of a program": default(hosting.Hosting, "processes") == 64,
        "| 4 MiB before it is compressed, one hour": default(sealing.Sealer, "cap") == 4 << 20,
        "opens for one hour": default(sealing.Sealer, "lifetime") == 3600,
        "| 8 in a process, of one server": default(Host, "max_concurrent") == 8,
        "| connecting to a server | 10 s |": upstream.CONNECT_SECONDS == 10,
        "| 1,000 | refused |": performing.SAMPLES == 1000,
        "every five seconds": performing.BEAT == 5,
        "120 seconds by default": parse_policy("").rules_for("any").deadline == 120,
        "a comment every 15 seconds": exchange.BEAT == 15,
        "gives requests five seconds": listening.GRACE_SECONDS == 5,
    }
    pages = " ".join("".join(PAGES.values()).split())
    assert [words for words, so in told.items() if not so or words not in pages] == []


def default(made: type, name: str) -> object:
    return inspect.signature(made).parameters[name].default


def test_every_link_on_the_pages_leads_somewhere() -> None:
    for name, page in PAGES.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", page):
            path, _, anchor = target.partition("#")
            file = ROOT / "docs" / (path or f"{name}.md")
            assert file.exists(), target
            if anchor:
                titles = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, target


def test_the_operators_page_names_every_file_for_deployment() -> None:
    named = re.findall(r"^\| \[([^]]+)\]\(\.\./examples/deploy/\1\)", PAGES["operating"], re.MULTILINE)
    assert sorted(named) == sorted(FILES)


def variables() -> dict[str, str]:
    lines = [line for line in FILES["gateway.env"].splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_the_environment_file_has_what_the_policy_names_and_no_secret() -> None:
    gateway = tomllib.loads(FILES["upcall.toml"])["gateway"]
    named = {gateway["state_key_env"], *gateway["principals"].values()}
    for one in gateway["upstream"].values():
        named |= {*one.get("headers_env", {}).values(), *one.get("env", [])}
    assert named | {"ANTHROPIC_API_KEY", "PGPASSWORD"} == set(variables())
    assert [value for value in variables().values() if value] == ["/srv/notes"]


def test_the_container_installs_extras_that_exist_and_copies_files_that_are_there() -> None:
    text = FILES["Containerfile"]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    (installed,) = re.findall(r'pip install --no-cache-dir "upcall\[(.*?)\]"', text)
    assert set(installed.split(",")) <= set(extras)
    (copied,) = re.findall(r"^COPY (\S+) (\S+)$", text, re.MULTILINE)
    assert copied[0] in FILES
    assert f'"{copied[1]}"' in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    (program,) = re.findall(r"^ExecStart=(\S+)", UNIT, re.MULTILINE)
    unit = tmp_path / "upcall-gateway.service"
    unit.write_text(UNIT.replace(program, sys.executable), encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], check=False, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(NGINX is None, reason="needs nginx")
def test_nginx_takes_its_file(tmp_path: Path) -> None:
    site = re.sub(r"^ *ssl_certificate.*\n", "", FILES["nginx.conf"], flags=re.MULTILINE).replace("443 ssl", "8443")
    (tmp_path / "nginx.conf").write_text(f"events {{}}\npid {tmp_path}/pid;\nhttp {{\n{site}\n}}\n", encoding="utf-8")
    command = [str(NGINX), "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", "stderr"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert "syntax is ok" in done.stderr, done.stderr


@pytest.mark.anyio
async def test_the_policy_for_deployment_serves_who_has_a_token(tmp_path: Path) -> None:
    async with Facade(says("First."), says("Noted.")) as facade:
        env = environment(**filled(), OPENAI_API_KEY="k")
        policy = anyio.Path(tmp_path / "upcall.toml")
        await policy.write_text(here(FILES["upcall.toml"], tmp_path, model_of(facade)))
        command = [*UPCALL, "gateway", "--policy", str(policy)]
        async with await anyio.open_process(command, env=env, stderr=subprocess.PIPE) as gateway:
            try:
                assert gateway.stderr is not None
                with anyio.fail_after(60):
                    urls = await addresses(BufferedByteReceiveStream(gateway.stderr))
                    assert [url.split("/", 3)[3] for url in urls] == ["search/mcp", "notes/mcp"]
                    assert await asked(urls[1], {}) == (401, "")
                    status, said = await asked(urls[1], {"Authorization": f"Bearer {env['ALICE_TOKEN']}"})
                assert status == 200
                assert "Noted." in said
            finally:
                gateway.terminate()
                with anyio.fail_after(30):
                    assert await gateway.wait() == 0


def filled() -> dict[str, str]:
    secrets = {name: value or f"{number:064x}" for number, (name, value) in enumerate(variables().items(), 1)}
    return {**secrets, "SEARCH_AUTHORIZATION": "Bearer of-search"}


def here(text: str, folder: Path, model: str) -> str:
    """The policy with another model, a record in a file, and a program that is there."""
    changes = {
        '"0.0.0.0:8900"': '"127.0.0.1:0"',
        "postgresql://upcall@db.internal/upcall": f"sqlite:///{folder}/record.db",
        "anthropic/claude-sonnet-5": model,
        '["notes-server", "--stdio"]': json.dumps([sys.executable, str(SERVER)]),
    }
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text + '\n[prices."openai/*"]\ninput = 0\noutput = 0\n'


async def addresses(stderr: BufferedByteReceiveStream) -> list[str]:
    lines = [(await stderr.receive_until(b"\n", 1000)).decode() for _ in range(2)]
    return [line.removeprefix("upcall gateway: serving ").strip() for line in lines]


async def asked(url: str, headers: Mapping[str, str]) -> tuple[int, str]:
    """The first text of the answer to a call of 2026-07-28, from a client that cannot sample."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    }
    params = {"name": "twice", "arguments": {"topic": "snow"}, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    said = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/call",
        "Mcp-Name": "twice",
        **headers,
    }
    async with aiohttp.ClientSession() as http, http.post(url, json=body, headers=said) as response:
        return response.status, (await response.text() if response.status == 200 else "")
