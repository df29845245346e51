"""A session with two peers that write JSON, so that a test reads like a transcript."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from upcall.errors import SamplingRefused, UpcallError
from upcall.gateway.sealing import Sealer
from upcall.gateway.session import (
    Action,
    Answered,
    Deferred,
    Elicited,
    Lane,
    Refused,
    Sample,
    Session,
    StopSample,
    Terms,
    ToClient,
    ToServer,
)

__all__ = ["ANSWER", "KEY", "Talk", "ask", "call", "initialize", "meta", "required"]

KEY = b"a key of thirty-two bytes, or so"
ANSWER = {"role": "assistant", "content": {"type": "text", "text": "Fine."}, "model": "m"}
SAMPLING = {"method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 7}}
FORM = {"method": "elicitation/create", "params": {"message": "Sure?"}}

_A = TypeVar("_A", bound=Action)


def initialize(version: str = "2025-11-25", /, id: Any = 0, **capabilities: Any) -> dict[str, Any]:
    """The legacy handshake's request."""
    params = {"protocolVersion": version, "capabilities": capabilities, "clientInfo": {"name": "c", "version": "1"}}
    return {"jsonrpc": "2.0", "id": id, "method": "initialize", "params": params}


def meta(**capabilities: Any) -> dict[str, Any]:
    """The ``_meta`` of a request of 2026-07-28."""
    return {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities,
        "progressToken": "t",
    }


def call(id: Any, /, method: str = "tools/call", *, modern: bool = True, **params: Any) -> dict[str, Any]:
    """A request of the client."""
    own = {"name": "archive", "arguments": {"n": 1}, **params}
    if modern:
        own.setdefault("_meta", meta())
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": own}


def ask(id: Any) -> dict[str, Any]:
    """A legacy server's sampling request."""
    return {"jsonrpc": "2.0", "id": id, **SAMPLING}


def required(id: Any, /, state: str | None = None, **requests: Any) -> dict[str, Any]:
    """A modern server's ``input_required`` response."""
    result: dict[str, Any] = {"resultType": "input_required"}
    if requests:
        result["inputRequests"] = requests
    if state is not None:
        result["requestState"] = state
    return {"jsonrpc": "2.0", "id": id, "result": result}


class Talk:
    """One session. Methods named for who speaks; each gives what the session wants done."""

    def __init__(
        self, *, principal: str = "", keys: tuple[bytes, ...] = (KEY,), server: str = "logs", **terms: Any
    ) -> None:
        self.time = 1000.0
        self.terms = Terms(server=server, **terms)
        self.session = Session(
            lambda: self.terms, Sealer(keys, server, lifetime=60), principal=principal, now=lambda: self.time
        )

    def client(self, message: Any, lane: Lane = None) -> list[Action]:
        return self.session.from_client(written(message), lane)

    def server(self, message: Any, lane: Lane = None) -> list[Action]:
        return self.session.from_server(written(message), lane)

    def answer(self, sample: Sample, answer: Any = ANSWER) -> list[Action]:
        return self.session.answered(sample.number, Answered(written(answer)))

    def refuse(self, sample: Sample, error: UpcallError | None = None) -> list[Action]:
        return self.session.answered(sample.number, Refused(error or SamplingRefused("No.", detail="secret")))

    def defer(self, sample: Sample, key: str = "question", message: str = "May it?") -> list[Action]:
        return self.session.answered(sample.number, Deferred(key, written({"message": message})))


def written(message: Any) -> bytes:
    """As a peer would send it."""
    return message if isinstance(message, bytes) else json.dumps(message, ensure_ascii=False).encode()


def only(actions: list[Action], kind: type[_A]) -> _A:
    """The one action there is."""
    assert len(actions) == 1, actions
    assert isinstance(actions[0], kind), actions
    return actions[0]


def to_server(actions: list[Action]) -> Any:
    """The one message that goes to the server."""
    return json.loads(only(actions, ToServer).frame)


def to_client(actions: list[Action]) -> Any:
    """The one message that goes to the client."""
    return json.loads(only(actions, ToClient).frame)


def samples(actions: list[Action]) -> list[Sample]:
    """The samples, when there is nothing else."""
    found = [action for action in actions if isinstance(action, Sample)]
    assert len(found) == len(actions), actions
    return found


def sample(actions: list[Action]) -> Sample:
    """The one sample."""
    return only(actions, Sample)


def stopped(actions: list[Action]) -> list[int]:
    """Which samples are to be stopped."""
    return [action.number for action in actions if isinstance(action, StopSample)]


def elicited(actions: list[Action]) -> Elicited:
    """The one answer of the client."""
    return only(actions, Elicited)
