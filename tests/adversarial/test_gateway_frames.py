"""Hostile peers of the gateway, frame by frame: floods, depths, and text that is none."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from tests.gateway.session.talk import Talk, ask, call, initialize, meta, required, samples, written
from upcall.gateway.frames import members
from upcall.gateway.http.children.multiplexing import Multiplexer
from upcall.gateway.http.headers import ToolHeaders, said
from upcall.gateway.http.streams import Streams, requests_in
from upcall.gateway.performing import SAMPLES, Elicit, Performer
from upcall.gateway.sealing import Sealer
from upcall.gateway.session import Outcome, Sample, Session, Terms, ToClient, ToServer

pytestmark = pytest.mark.anyio

DEEP = b'{"deeper":' * 5000 + b"1" + b"}" * 5000
SAMPLING: Any = {"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 7}}


class Hanging:
    """Answers nothing."""

    def __init__(self) -> None:
        self.most = self.now = 0

    async def answer(self, sample: Sample, elicit: Elicit | None) -> Outcome:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(60)
        finally:
            self.now -= 1
        raise AssertionError("nobody waits that long")


class Between:
    """A performer with a real session, and what it sent."""

    def __init__(self) -> None:
        self.answers = Hanging()
        self.sent: list[ToServer | ToClient] = []
        session = Session(lambda: Terms(server="it"), Sealer([bytes(32)], "it"))
        self.performer = Performer(session, self.answers, self.sent.append)

    def client(self, message: Any) -> None:
        self.performer.from_client(written(message))
        self.sent.clear()

    def server(self, message: Any) -> list[Any]:
        self.sent.clear()
        self.performer.from_server(written(message))
        return [json.loads(action.frame) for action in self.sent]


async def test_a_flood_of_legacy_requests_is_refused_beyond_a_number() -> None:
    it = Between()
    it.client(initialize())
    for number in range(SAMPLES):
        assert it.server(ask(number)) == []
    await anyio.lowlevel.checkpoint()
    (refused,) = it.server(ask("more"))
    assert (refused["id"], "too much at once" in refused["error"]["message"]) == ("more", True)
    assert (it.performer.under_way, it.answers.now) == (SAMPLES, SAMPLES)
    it.server({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 0}})
    assert it.server(ask("again")) == []
    await it.performer.aclose()
    assert it.answers.now == 0


async def test_a_result_that_asks_for_twenty_thousand_samples_ends_its_call_and_starts_none() -> None:
    it = Between()
    it.client(call(1))
    frame = written(required(1, **{f"s{number}": SAMPLING for number in range(20_000)}))
    began = time.perf_counter()
    (result,) = it.server(frame)
    assert time.perf_counter() - began < 5
    assert (result["id"], result["result"]["isError"]) == (1, True)
    await anyio.lowlevel.checkpoint()
    assert (it.performer.under_way, it.answers.most) == (0, 0)
    await it.performer.aclose()


def test_depth_hides_nothing_behind_a_shared_server() -> None:
    many: Multiplexer[str] = Multiplexer()
    deep = many.to_server("one", b'{"jsonrpc":"2.0","id":"a","method":"tools/call","params":' + DEEP + b"}")
    assert deep is not None
    assert members(deep) == members(b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":' + DEEP + b"}")
    (answer,) = many.from_server(b'{"jsonrpc":"2.0","id":1,"result":' + DEEP + b"}")
    assert answer.exchange == "one"
    assert answer.frame == b'{"jsonrpc":"2.0","id":"a","result":' + DEEP + b"}"


@pytest.mark.parametrize("part", [b'"\xff"', b'"\xed\xa0\x80"', b'"\\ud800"', DEEP, b"1" * 6000, b"1e999", b"NaN"])
def test_what_cannot_be_read_makes_nothing_raise(part: bytes) -> None:
    frames = [
        b'{"jsonrpc":"2.0","id":%s,"method":"m"}' % part,
        b'{"jsonrpc":"2.0","id":1,"method":%s}' % part,
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%s,"arguments":%s,"_meta":%s}}'
        % ((part,) * 3),
        b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"progressToken":%s,"x":1}}}' % part,
        b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s}}' % part,
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%s}}' % part,
        b'{"jsonrpc":"2.0","id":%s,"result":{}}' % part,
        b'{"jsonrpc":"2.0","id":1,"error":{"code":%s}}' % part,
    ]
    many: Multiplexer[str] = Multiplexer()
    tools = ToolHeaders()
    streams = Streams()
    session = Session(lambda: Terms(server="it"), Sealer([bytes(32)], "it"))
    for frame in [*frames, b"[" + b",".join(frames) + b"]"]:
        many.to_server("one", frame)
        many.from_server(frame)
        requests_in(frame)
        streams.say(frame)
        session.from_client(frame, "lane")
        session.from_server(frame, "lane")
        said("tools/call", frame)
    tools.learn(b'{"tools":[{"name":%s,"inputSchema":%s}]}' % (part, part))
    text = b'{"name":"t","arguments":{"a":%s}}' % part
    tools.learn(b'{"tools":[{"name":"t","inputSchema":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}}]}')
    tools.repeated(said("tools/call", text))


HIDING = {
    "escaped": lambda frame: frame.replace(b"input_required", rb"input\u005frequired").replace(b"/c", rb"\u002fc"),
    "byte order mark": lambda frame: b"\xef\xbb\xbf" + frame,
    "NaN": lambda frame: frame.replace(b'"maxTokens": 7', b'"maxTokens": NaN'),
    "half a pair": lambda frame: frame.replace(b'"messages"', rb'"x":"\ud800","messages"'),
    "deep": lambda frame: frame.replace(b'"messages"', b'"x":' + DEEP + b',"messages"'),
}


@pytest.mark.parametrize("way", HIDING)
def test_no_sampling_is_smuggled_to_a_client_whose_own_the_gateway_replaces(way: str) -> None:
    hidden: Any = HIDING[way]
    modern = Talk(answers="gateway")
    modern.client(call(1, _meta=meta(sampling={})))
    samples(modern.server(hidden(written(required(1, "s", one=SAMPLING)))))
    legacy = Talk(answers="gateway")
    legacy.client(initialize(sampling={}))
    samples(legacy.server(hidden(written(ask(1)))))


def test_a_server_that_names_other_tools_each_time_fills_no_memory() -> None:
    tools = ToolHeaders()
    schema = {"properties": {"a": {"type": "string", "x-mcp-header": "A"}}}
    for page in range(12):
        listed = [{"name": f"t{page}-{number}", "inputSchema": schema} for number in range(1000)]
        tools.learn(written({"tools": listed}))

    def known(name: str) -> bool:
        return bool(tools.repeated(said("tools/call", written({"name": name, "arguments": {"a": "x"}}))))

    assert (known("t11-999"), known("t2-0"), known("t1-999"), known("t0-0")) == (True, True, False, False)
