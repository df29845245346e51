"""Connections that are held at the legacy revisions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateway.session.talk import ANSWER, Talk, ask, call, initialize, meta, only, sample, to_client, to_server
from upcall.gateway.session import ToClient, ToServer

DISCOVER = {"jsonrpc": "2.0", "id": "probe-1", "method": "server/discover", "params": {"_meta": meta()}}
NOT_FOUND = {"jsonrpc": "2.0", "id": "probe-1", "error": {"code": -32601, "message": "Method not found"}}


def held() -> Talk:
    return Talk(protocol="legacy")


def test_a_client_that_asks_for_the_newer_era_falls_back_and_the_servers_question_is_answered() -> None:
    talk = held()
    assert to_client(talk.client(DISCOVER)) == NOT_FOUND
    sent = to_server(talk.client(initialize()))
    assert sent == initialize(sampling={"tools": {}})
    chosen = {"jsonrpc": "2.0", "id": 0, "result": {"protocolVersion": "2025-11-25", "capabilities": {}}}
    assert to_client(talk.server(chosen)) == chosen
    assert to_server(talk.client({"jsonrpc": "2.0", "method": "notifications/initialized"}))
    assert to_server(talk.client(call(1, modern=False))) == call(1, modern=False)
    asked = sample(talk.server(ask("s")))
    assert asked.version == "2025-11-25"
    assert to_server(talk.answer(asked)) == {"jsonrpc": "2.0", "id": "s", "result": ANSWER}
    result = {"jsonrpc": "2.0", "id": 1, "result": {"content": []}}
    assert to_client(talk.server(result)) == result
    assert talk.session.open == 0


@pytest.mark.parametrize("after_initialize", [False, True])
@pytest.mark.parametrize(
    "own",
    [
        meta(),
        {"io.modelcontextprotocol/protocolVersion": "2026-07-28"},
        {"io.modelcontextprotocol/protocolVersion": "2027-01-01"},
        {"io.modelcontextprotocol/clientCapabilities": {}},
    ],
    ids=["whole", "version", "later-version", "capabilities"],
)
def test_a_request_of_the_newer_era_gets_an_error_and_goes_no_further(own: Any, after_initialize: bool) -> None:
    talk = held()
    if after_initialize:
        talk.client(initialize())
    told = to_client(talk.client(call("é", _meta=own)))
    assert (told["id"], told["error"]["code"]) == ("é", -32600)
    assert "up to 2025-11-25" in told["error"]["message"]
    assert talk.session.open == after_initialize


@pytest.mark.parametrize(
    "frame",
    [
        rb'{"jsonrpc":"2.0","id":1,"method":"server\/discover"}',
        rb'{"jsonrpc":"2.0","id":1,"method":"x","params":{"_\u006deta":{"io.modelcontextprotocol\/protocolVersion":1}}}',
        b'{"id":1,"method":"x","params":{"_meta":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}',
        b'{"id":1,"method":"x","params":{"n":NaN,"_meta":{"io.modelcontextprotocol/clientCapabilities":{}}}}',
    ],
    ids=["escaped-method", "escaped-keys", "twice", "no-json-number"],
)
def test_however_it_is_written(frame: bytes) -> None:
    only(held().client(frame), ToClient)


def test_in_a_batch_the_rest_goes_on() -> None:
    first, second = held().client([DISCOVER, call(2, modern=False)])
    assert isinstance(first, ToServer)
    assert json.loads(first.frame) == [call(2, modern=False)]
    assert to_client([second]) == NOT_FOUND


def test_a_notification_of_the_newer_era_is_dropped() -> None:
    told = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1, "_meta": meta()}}
    assert held().client(told) == []


@pytest.mark.parametrize("version", ["2026-07-28", "2027-01-01", "2025-11-25", "2024-11-05"])
def test_the_server_itself_says_which_version_it_has_for_initialize(version: str) -> None:
    request = initialize(version)
    request["params"]["_meta"] = meta()
    sent = to_server(held().client(request))
    assert sent["params"]["protocolVersion"] == version
    assert "sampling" in sent["params"]["capabilities"]


@pytest.mark.parametrize(
    "own", [{"progressToken": 1}, {"io.modelcontextprotocol/related-task": {"taskId": "1"}}, None, "2026-07-28"]
)
def test_what_older_revisions_have_goes_on_byte_for_byte(own: Any) -> None:
    frame = json.dumps(call(1, modern=False, _meta=own)).encode()
    talk = held()
    talk.client(initialize())
    assert only(talk.client(frame), ToServer).frame is frame


def test_what_holds_at_the_first_request_stays_with_the_connection() -> None:
    talk, other = held(), Talk()
    assert to_client(talk.client(DISCOVER)) == NOT_FOUND
    assert to_server(other.client(DISCOVER))["method"] == "server/discover"
    talk.terms, other.terms = other.terms, talk.terms
    assert to_client(talk.client(DISCOVER)) == NOT_FOUND
    assert to_server(other.client(call(1)))["id"] == 1
