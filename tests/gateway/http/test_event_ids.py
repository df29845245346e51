"""Ids of events are their session's, where a server keeps the events of all sessions in one place."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.http.places import ANSWER, gateway, served, settings_in
from tests.gateway.http.recording import Asked, recorder, reply
from tests.gateway.http.test_owning import ANN, BEN, KEY, TOKENS
from tests.gateway.http.test_sessions import LEGACY, Kept, asking, begun, response_in
from tests.gateway.http.test_sse import as_a_browser_reads
from upcall.gateway.http.proxy.owning import OwnedIds
from upcall.gateway.http.sse import Parser, with_ids

pytestmark = pytest.mark.anyio

ID = re.compile(r"([^.]+)\.[A-Za-z0-9_-]{22}")


@asynccontextmanager
async def replicas(
    folder: Path, tokens: dict[str, str] = TOKENS, key: bytes | None = KEY
) -> AsyncIterator[tuple[str, str, aiohttp.ClientSession]]:
    """Two, of one key, and a server that keeps the events of all sessions in one place."""
    settings = settings_in(folder, key=key)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(event_store=Kept()))
        one, two = [await stack.enter_async_context(gateway(settings, url, tokens=tokens)) for _ in range(2)]
        yield one.url, two.url, await stack.enter_async_context(aiohttp.ClientSession(headers=LEGACY))


async def seen(http: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> str:
    """The id of the first event of a call, which goes on to its answer."""
    async with http.post(url, json=asking(5, "a secret"), headers=headers) as response:
        line = await response.content.readline()
        while not line.startswith(b"id:"):
            line = await response.content.readline()
        with anyio.fail_after(10):
            assert await response_in(response.content) is not None
    return line.partition(b":")[2].strip().decode()


async def replayed(http: aiohttp.ClientSession, url: str, headers: dict[str, str], last: str) -> tuple[int, str]:
    with anyio.fail_after(10):
        async with http.get(url, headers={**headers, "Last-Event-ID": last}) as response:
            if response.status != 200:
                return response.status, (await response.json())["error"]["message"]
            message = await response_in(response.content)
            return 200, "" if message is None else message["result"]["content"][0]["text"]


async def session_of(http: aiohttp.ClientSession, url: str, who: dict[str, str]) -> dict[str, str]:
    http.headers.update(who)
    headers = {**await begun(http, url), **who}
    del http.headers["Authorization"]
    return headers


async def test_the_events_of_a_session_are_replayed_to_its_own_client_alone(tmp_path: Path) -> None:
    async with replicas(tmp_path) as (one, two, http):
        hers, his = [await session_of(http, one, who) for who in (ANN, BEN)]
        another = await session_of(http, one, ANN)
        last = await seen(http, one, hers)
        found = ID.fullmatch(last)
        assert found is not None
        for place in (one, two):
            assert await replayed(http, place, hers, last) == (200, f"a secret: {ANSWER}")
            for headers, id in ((his, last), (another, last), (hers, found[1]), (his, found[1]), (hers, f"{last}x")):
                assert await replayed(http, place, headers, id) == (400, "Unknown Last-Event-ID.")
            assert (await replayed(http, place, {**hers, **BEN}, last))[0] == 404


async def test_where_one_client_comes_ids_of_events_are_the_servers(tmp_path: Path) -> None:
    for tokens in ({}, {"ann": TOKENS["ann"]}):
        async with replicas(tmp_path, tokens) as (one, two, http):
            mine = await session_of(http, one, ANN)
            last = await seen(http, one, mine)
            assert last.isdigit()
            assert await replayed(http, two, mine, last) == (200, f"a secret: {ANSWER}")


async def test_no_other_spelling_of_the_header_brings_an_event_id_to_the_server(tmp_path: Path) -> None:
    async def answers(asked: Asked) -> None:
        await reply(asked, b"id: 7\r\ndata\r\n\r\n:\r\nid\r\nid:8\r\ndata: \r\n\r\n", kind="text/event-stream")

    async with recorder(answers) as server, AsyncExitStack() as stack:
        it = await stack.enter_async_context(gateway(settings_in(tmp_path, key=KEY), server.url, tokens=TOKENS))
        http = await stack.enter_async_context(aiohttp.ClientSession(headers={**LEGACY, **ANN}))
        for name in ("Last_Event_Id", "last-event_id"):
            async with http.get(it.url, headers={name: "7"}) as response:
                assert response.status == 200
        async with http.get(it.url, headers={"Last-Event-ID": ""}) as response:
            body = await response.read()
        assert [name for asked in server.asked for name in asked.headers if "event" in name] == []
        marks = OwnedIds([KEY], "real")
        seven, eight = (marks.event_marked(id, "ann", None) for id in (b"7", b"8"))
        assert body == b"id: %b\r\ndata\r\n\r\n:\r\nid\r\nid:%b\r\ndata: \r\n\r\n" % (seven, eight)
        async with http.get(it.url, headers={"Last-Event-ID": eight.decode()}) as response:
            assert response.status == 200
        assert server.asked[-1].headers["last-event-id"] == "8"


async def test_the_events_of_initialize_belong_to_the_session_that_it_begins(tmp_path: Path) -> None:
    async def answers(asked: Asked) -> None:
        result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {}}
        told = json.dumps({"jsonrpc": "2.0", "id": 0, "result": result})
        await reply(asked, f"id: 1\ndata: {told}\n\n".encode(), kind="text/event-stream", mcp_session_id="s")

    async with recorder(answers) as server, AsyncExitStack() as stack:
        it = await stack.enter_async_context(gateway(settings_in(tmp_path, key=KEY), server.url, tokens=TOKENS))
        http = await stack.enter_async_context(aiohttp.ClientSession(headers={**LEGACY, **ANN}))
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {}}
        body = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        async with http.post(it.url, json=body) as response:
            session = response.headers["Mcp-Session-Id"]
            first = (await response.read()).split(b"\n")[0]
        last = first.removeprefix(b"id: ").decode()
        async with http.get(it.url, headers={"Mcp-Session-Id": session, "Last-Event-ID": last}) as response:
            assert response.status == 200
        async with http.get(it.url, headers={"Last-Event-ID": last}) as response:
            assert response.status == 400
        assert server.asked[-1].headers["last-event-id"] == "1"


def test_no_two_sessions_share_the_mark_of_an_event_and_keys_rotate() -> None:
    old, new = b"o" * 32, b"n" * 32
    before, between, after = (OwnedIds(keys, "it") for keys in ([old], [new, old], [new]))
    mine = before.event_marked(b"7", "ann", "s")
    assert between.event_taken_off(mine, "ann", "s") == b"7"
    assert after.event_taken_off(mine, "ann", "s") is None
    others = [("ann", "t"), ("ben", "s"), ("ann", None), ("anns", ""), ("", "anns")]
    assert [before.event_taken_off(mine, *one) for one in others] == [None] * 5
    assert OwnedIds([old], "other").event_taken_off(mine, "ann", "s") is None
    odd = before.event_marked(b" \xc3\xa9 8.\t", "ann", "s")
    assert before.event_taken_off(odd.strip(), "ann", "s") == b"\xc3\xa9 8.\t"


_LINES = st.sampled_from(
    [
        b"",
        b": id: 7",
        b"data: id: 7",
        b"data",
        b"id: 7",
        b"id:8",
        b"id:  9 ",
        b"id",
        b"id:",
        b"ids: 7",
        b"id: \0",
        b"Id: 7",
    ]
)


@given(st.lists(st.tuples(_LINES, st.sampled_from([b"\n", b"\r\n", b"\r"]))))
def test_only_ids_that_a_reader_takes_are_marked_and_all_of_them(lines: list[tuple[bytes, bytes]]) -> None:
    def mark(id: bytes) -> bytes:
        return id + b".mark"

    events = Parser().feed(b"".join(line + end for line, end in lines))
    stream = b"".join(event.raw for event in events)
    marked = b"".join(with_ids(event, mark).raw for event in events)
    assert marked.replace(b".mark", b"") == stream
    read = as_a_browser_reads(stream)
    assert as_a_browser_reads(marked) == [(data, mark(id) if id.strip(b"\0") else id) for data, id in read]
    for event in events:
        assert with_ids(event, mark).id == (mark(event.id) if event.id and event.id != b"\0" else event.id)
