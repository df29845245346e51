"""A session goes on at a gateway that did not see its `initialize`, and that knows what the client can do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.http.places import ANSWER, gateway, served, settings_in
from tests.gateway.http.test_sessions import LEGACY, VERSION, asking
from tests.gateway.session.talk import KEY as SEALING
from tests.gateway.session.talk import initialize, sample, to_client, to_server, written
from upcall.gateway.sealing import Sealer
from upcall.gateway.session import Handshake, Session, Terms
from upcall.gateway.session.handshake import read
from upcall.gateway.session.handshake import written as as_text
from upcall.host.approval import SCHEMA
from upcall.testing import ScriptedModel

pytestmark = pytest.mark.anyio

KEY = b"k" * 32
PERSON = '[default]\ndecision = "ask"\n[approval]\nby = "elicitation"\n'


class Client:
    """One whose requests go to whichever gateway it is told."""

    def __init__(self, http: aiohttp.ClientSession, **capabilities: Any) -> None:
        self._http, self._capabilities = http, capabilities
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []

    async def begun(self, url: str) -> None:
        async with self._http.post(url, json=initialize(VERSION, **self._capabilities)) as response:
            self.headers = {"Mcp-Session-Id": response.headers["Mcp-Session-Id"], "MCP-Protocol-Version": VERSION}
            await response.read()
        await self._tell(url, {"method": "notifications/initialized"})

    async def _tell(self, url: str, message: dict[str, Any]) -> None:
        async with self._http.post(url, json={"jsonrpc": "2.0", **message}, headers=self.headers) as response:
            assert response.status == 202

    async def ask(self, url: str) -> str:
        """The answer of a tool that samples; what is asked meanwhile is answered."""
        sampled = {"role": "assistant", "content": {"type": "text", "text": "mine"}, "model": "own"}
        said = {"action": "accept", "content": {SCHEMA["required"][0]: "approve once"}}
        answers = {"sampling/createMessage": sampled, "elicitation/create": said}
        with anyio.fail_after(20):
            async with self._http.post(url, json=asking(5, "why"), headers=self.headers) as response:
                assert response.status == 200
                async for line in response.content:
                    if not line.startswith(b"data: {"):
                        continue
                    message = json.loads(line[6:])
                    if "method" not in message:
                        return str(message["result"]["content"][0]["text"])
                    self.asked.append(message["method"])
                    await self._tell(url, {"id": message["id"], "result": answers[message["method"]]})
        raise AssertionError("no answer")


@asynccontextmanager
async def replicas(
    folder: Path, *, key: bytes | None = KEY, policy: str = "", tokens: dict[str, str] | None = None
) -> AsyncIterator[tuple[str, str, aiohttp.ClientSession]]:
    settings = settings_in(folder, ScriptedModel(ANSWER, repeat=True), key=key, policy=policy)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(served())
        one, two = [await stack.enter_async_context(gateway(settings, server, tokens=tokens)) for _ in range(2)]
        yield one.url, two.url, await stack.enter_async_context(aiohttp.ClientSession(headers=LEGACY))


@pytest.mark.parametrize("tokens", [{}, {"ann": "a-token-that-is-ann-s", "ben": "a-token-that-is-ben-s"}])
async def test_a_client_that_samples_is_asked_by_every_replica(tmp_path: Path, tokens: dict[str, str]) -> None:
    async with replicas(tmp_path, tokens=tokens) as (one, two, http):
        client = Client(http, sampling={})
        if tokens:
            http.headers["Authorization"] = f"Bearer {tokens['ann']}"
        await client.begun(one)
        assert [await client.ask(one), await client.ask(two)] == ["why: mine", "why: mine"]
        assert client.asked == ["sampling/createMessage"] * 2


async def test_a_client_that_does_not_sample_is_asked_by_none(tmp_path: Path) -> None:
    async with replicas(tmp_path) as (one, two, http):
        client = Client(http)
        await client.begun(one)
        assert [await client.ask(one), await client.ask(two)] == [f"why: {ANSWER}"] * 2
        assert client.asked == []


async def test_a_client_that_elicits_is_asked_for_a_persons_yes_by_every_replica(tmp_path: Path) -> None:
    async with replicas(tmp_path, policy=PERSON) as (one, two, http):
        client = Client(http, elicitation={})
        await client.begun(one)
        assert [await client.ask(one), await client.ask(two)] == [f"why: {ANSWER}"] * 2
        assert client.asked == ["elicitation/create"] * 2


async def test_without_a_key_of_all_replicas_nothing_is_known_of_the_client(tmp_path: Path) -> None:
    async with replicas(tmp_path, key=None) as (one, two, http):
        client = Client(http, sampling={})
        await client.begun(one)
        assert "." not in client.headers["Mcp-Session-Id"]
        assert await client.ask(two) == f"why: {ANSWER}"


async def test_an_id_of_before_there_were_replicas_begins_anew(tmp_path: Path) -> None:
    async with replicas(tmp_path, key=None) as (one, _, http), replicas(tmp_path) as (marking, _, _):
        client = Client(http)
        await client.begun(one)
        async with http.post(marking, json=asking(1, "why"), headers=client.headers) as response:
            assert response.status == 404
            assert (await response.json())["error"]["message"] == "Session not found."


def resumed(handshake: Handshake) -> Session:
    terms = Terms(server="logs", answers="client", allowed=False)
    session = Session(lambda: terms, Sealer([SEALING], "logs"))
    session.resume(handshake)
    return session


def begun(**capabilities: Any) -> Session:
    session = Session(lambda: Terms(server="logs"), Sealer([SEALING], "logs"))
    session.from_client(written(initialize(VERSION, **capabilities)))
    session.from_server(written({"jsonrpc": "2.0", "id": 0, "result": {"protocolVersion": "2025-06-18"}}))
    return session


def test_what_initialize_settled_holds_where_a_session_goes_on_whatever_the_policy_says_by_then() -> None:
    asks = written({"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": {}})
    known = begun(elicitation={"form": {}, "url": {}}).handshake
    assert known == Handshake(form=True, url=True, ours=True, tools=True, version="2025-06-18")
    asked = sample(resumed(known).from_server(asks))
    assert (asked.asks, asked.version) == ("inline", "2025-06-18")
    assert sample(resumed(Handshake(ours=True)).from_server(asks)).asks == "no"
    own = begun(sampling={"tools": {}, "context": {}}).handshake
    assert own == Handshake(sampling=True, sampling_tools=True, sampling_context=True, version="2025-06-18")
    assert to_client(resumed(own).from_server(asks))["method"] == "sampling/createMessage"


def test_a_session_without_initialize_has_settled_nothing() -> None:
    session = Session(lambda: Terms(server="logs"), Sealer([SEALING], "logs"))
    assert to_server(session.from_client(written({"jsonrpc": "2.0", "id": 1, "method": "ping"})))
    assert session.handshake is None


@given(st.lists(st.booleans(), min_size=7, max_size=7), st.from_regex(r"[0-9A-Za-z-]{1,32}", fullmatch=True))
def test_what_is_settled_is_short_as_text_and_comes_back_from_it(flags: list[bool], version: str) -> None:
    handshake = Handshake(**dict(zip(Handshake.__struct_fields__, flags, strict=False)), version=version)
    text = as_text(handshake)
    assert read(text) == handshake
    assert len(text) == 2 + len(version)
    assert all("!" <= one <= "~" and one != "." for one in text)


def test_what_no_gateway_wrote_is_not_read_and_an_odd_version_is_not_written() -> None:
    for text in ("", "x", "0", "zz2025-11-25", "002025.11", "00" + "1" * 33, "00 ", "00\n", "+12025-11-25"):
        assert read(text) is None
    assert as_text(None) == ""
    for version in (None, "", "2025.11", "1\n", "é", "1" * 33):
        assert as_text(Handshake(version=version)) == "00"
