"""Tool calls over a `Wire`, in either era, by a client that samples itself or one that cannot."""

from __future__ import annotations

import json
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import msgspec

from benchmarks.peers import ANSWER, LEGACY, MODERN
from benchmarks.processes import ProcessFailed
from benchmarks.relays.wire import Http, Pipes, Wire

__all__ = ["Caller"]

_SECONDS = 60.0
_INFO = {"name": "bench", "version": "1"}
_META = "io.modelcontextprotocol/"
_QUESTION = json.dumps(
    {"model": "instant", "max_tokens": 100, "messages": [{"role": "user", "content": "Summarize: upcall"}]}
).encode()


class _Message(msgspec.Struct):
    id: int | str | None = None
    method: str = ""
    result: dict[str, Any] | None = None
    error: Any = None


_decode = msgspec.json.Decoder(_Message).decode
_encode = msgspec.json.Encoder().encode


class Caller:
    """One connection to one server, or to what stands in front of it.

    Args:
        wire: Where it is read.
        era: `LEGACY` or `MODERN`.
        model: Where a client that samples asks; one without says that it cannot sample.
    """

    def __init__(self, wire: Wire, era: str, model: Http | None) -> None:
        self._wire, self._era, self._model = wire, era, model
        self._peer: Pipes | Http | None = None
        self._number = 0
        self._open: dict[int | str, Callable[[_Message], None]] = {}
        self._failure: Exception | None = None

    def connect(self, peer: Pipes | Http) -> None:
        """Say hello where the era wants it."""
        self._peer = peer
        if self._era == MODERN:
            return
        capabilities: dict[str, Any] = {} if self._model is None else {"sampling": {}}
        hello = {"protocolVersion": "2025-11-25", "capabilities": capabilities, "clientInfo": _INFO}
        self._ask("initialize", hello, lambda message: None)
        self._wait()
        if isinstance(peer, Http):
            peer.always += b"MCP-Protocol-Version: 2025-11-25\r\n"
        peer.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        if isinstance(peer, Http):
            peer.listen(_SECONDS)

    def frame(self, frame: bytes) -> None:
        """Something came."""
        message = _decode(frame)
        if message.method:
            if message.method == "sampling/createMessage" and message.id is not None:
                self._answer(message.id)
        elif message.id is not None and message.id in self._open:
            self._open.pop(message.id)(message)

    def fail(self, error: Exception) -> None:
        """Wait for nothing more, neither of what is under way nor later."""
        self._failure = self._failure or error
        self._open.clear()

    def one_by_one(self, tool: str, calls: int) -> list[float]:
        """Seconds of each of so many calls."""
        taken: list[float] = []
        self._wire.catch_up()
        for _ in range(calls):
            begin = perf_counter()
            self._call(tool, lambda: None)
            self._wait()
            taken.append(perf_counter() - begin)
        return taken

    def median(self, tool: str, calls: int) -> float:
        """Milliseconds of a call."""
        return median(self.one_by_one(tool, calls)) * 1e3

    def at_once(self, tool: str, calls: int, lanes: int) -> float:
        """Calls per second, with so many open at any time."""
        left = calls - lanes

        def next_one() -> None:
            nonlocal left
            if left > 0:
                left -= 1
                self._call(tool, next_one)

        self._wire.catch_up()
        begin = perf_counter()
        for _ in range(lanes):
            self._call(tool, next_one)
        self._wait()
        return calls / (perf_counter() - begin)

    def _wait(self) -> None:
        while self._open:
            self._wire.turn(_SECONDS)
        if self._failure is not None:
            raise ProcessFailed(str(self._failure)) from self._failure

    def _call(self, tool: str, then: Callable[[], None]) -> None:
        params: dict[str, Any] = {"name": tool, "arguments": {"text": "upcall"}}
        if self._era == MODERN:
            params["_meta"] = {
                f"{_META}protocolVersion": MODERN,
                f"{_META}clientInfo": _INFO,
                f"{_META}clientCapabilities": {} if self._model is None else {"sampling": {}},
            }
        about = b"" if self._era == LEGACY else b"Mcp-Name: %b\r\n" % tool.encode()

        def came(message: _Message) -> None:
            result = message.result or {}
            if result.get("resultType") == "input_required":
                self._take_up(params, result, about, came)
                return
            content = result.get("content") or [{}]
            if content[0].get("text") != ANSWER:
                raise ProcessFailed(f"the answer is wrong: {message.result or message.error}")
            then()

        self._ask("tools/call", params, came, about)

    def _take_up(
        self, params: dict[str, Any], result: dict[str, Any], about: bytes, came: Callable[[_Message], None]
    ) -> None:
        answers: dict[str, Any] = {}
        again = {**params, "inputResponses": answers}
        if "requestState" in result:
            again["requestState"] = result["requestState"]
        self._number += 1
        waiting = f"model {self._number}"
        self._open[waiting] = came  # so that the call does not count as over meanwhile

        def answered(key: str, answer: dict[str, Any]) -> None:
            answers[key] = answer
            if len(answers) == len(result["inputRequests"]):
                del self._open[waiting]
                self._ask("tools/call", again, came, about)

        for key in result["inputRequests"]:
            self._sample(lambda answer, key=key: answered(key, answer))  # type: ignore[misc]

    def _answer(self, id: int | str) -> None:
        def answered(answer: dict[str, Any]) -> None:
            assert self._peer is not None
            self._peer.send(_encode({"jsonrpc": "2.0", "id": id, "result": answer}))

        self._sample(answered)

    def _sample(self, then: Callable[[dict[str, Any]], None]) -> None:
        if self._model is None:
            raise ProcessFailed("a client that cannot sample was asked to")

        def came(body: bytes) -> None:
            text = msgspec.json.decode(body)["choices"][0]["message"]["content"]
            content = {"type": "text", "text": text}
            then({"role": "assistant", "content": content, "model": "instant", "stopReason": "endTurn"})

        self._model.send(_QUESTION, on_frame=came)

    def _ask(self, method: str, params: Any, came: Callable[[_Message], None], about: bytes = b"") -> None:
        assert self._peer is not None
        self._number += 1
        self._open[self._number] = came
        if self._era == MODERN:
            about += b"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: %b\r\n" % method.encode()
        self._peer.send(_encode({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}), about)
