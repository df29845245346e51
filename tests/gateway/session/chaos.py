"""Two peers that say anything at all, driven by a string of bytes, and what holds whatever they say.

What holds: nothing raises. A frame that is not about sampling goes on once, as the same object, at once. A response
that the session makes or changes is owed to the client. No id of a request of ours reaches the client. What carries the
mark of one lane does not leave on another. A sample is stopped or answered once, and none is left when the client is
gone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.gateway.session.talk import FORM, KEY, meta
from upcall.errors import SamplingRefused
from upcall.gateway.sealing import Sealer
from upcall.gateway.session import (
    APART,
    Action,
    Answered,
    Deferred,
    Elicited,
    Lane,
    Outcome,
    Refused,
    Sample,
    Session,
    StopSample,
    Terms,
    ToClient,
    ToServer,
)

__all__ = ["Chaos"]

IDS: tuple[Any, ...] = (1, 2, "1", 1.0, "ä", 2**70, -1)
METHODS = (
    *("tools/call", "prompts/get", "resources/read", "tools/list", "ping", "made/up", "sampling/createMessage"),
    *("tasks/get", "tasks/get", "tasks/cancel", "tasks/update", "subscriptions/listen"),
)
TASKS = ("task-1", "task-2")
ODD: tuple[Any, ...] = (None, True, [], {}, 1.5, "x" * 40, 10**400)
GARBAGE = (
    b"",
    b"[]",
    b"{}",
    b"null",
    b"{",
    b"\xff",
    b'{"id":1',
    b'"input_required clientCapabilities"',
    b'{"jsonrpc":"2.0","id":null,"method":"sampling/createMessage"}',
    b'{"jsonrpc":"2.0","method":"sampling/createMessage","params":{}}',
    b'{"id":[1],"result":{}}',
    b"[" * 3000,
    b'[{"id":{}},7,null]',
)


class Chaos:
    """One session under one string of choices."""

    def __init__(self, choices: bytes) -> None:
        self._choices = iter(choices)
        self.over = False
        self.terms = Terms(
            server="s",
            answers=self.pick(("prefer-client", "gateway", "prefer-client", "client")),
            tools=self.maybe(),
        )
        self.lanes: tuple[Lane, ...] = self.pick(((None,), ("lane-aaa", "lane-bbb")))
        self.session = self.fresh()
        self.running: dict[int, Sample] = {}
        self.owed: Counter[Any] = Counter()
        self.taken: set[Any] = set()
        """Ids that the server has answered, while their calls went on."""
        self.ours: list[str] = []
        self.asked: list[tuple[str, list[str]]] = []
        self.questions: list[str] = []

    def fresh(self) -> Session:
        return Session(lambda: self.terms, Sealer([KEY], "s", cap=20_000), now=lambda: 0.0)

    def number(self, below: int) -> int:
        byte = next(self._choices, None)
        self.over = byte is None
        return (byte or 0) % below

    def pick(self, among: Any) -> Any:
        return among[self.number(len(among))]

    def maybe(self) -> bool:
        return self.number(2) == 1

    def run(self) -> None:
        """Until nothing is left to choose from; then the client goes."""
        steps: tuple[Callable[[], None], ...] = (self.client, self.server, self.server, self.outcome, self.ending)
        while not self.over:
            (steps[0] if (n := self.number(16)) < 6 else steps[1] if n < 11 else steps[3] if n < 15 else steps[4])()
        self.did(self.session.client_gone(), None, None)
        assert not self.running
        assert self.session.open == 0

    def client(self) -> None:
        lane = self.pick(self.lanes)
        message, foreign = self.client_message(lane)
        if self.number(8) == 7:
            message, foreign = self.batch(lambda: self.client_message(lane), message, foreign)
        frame, foreign = self.spelt(message, foreign)
        for request in self.messages(frame):
            if self.is_id(request.get("id")) and isinstance(request.get("method"), str):
                self.owed[request["id"], lane] += 1
                self.taken -= {(request["id"], one) for one in self.lanes}
        actions = self.session.from_client(frame, lane)
        if foreign:
            assert actions == [ToServer(frame, lane)]
            assert isinstance(actions[0], ToServer)
            assert actions[0].frame is frame
        self.did(actions, frame, lane)

    def server(self) -> None:
        lane = self.pick(self.lanes)
        message, foreign = self.server_message(lane)
        if self.number(8) == 7:
            message, foreign = self.batch(lambda: self.server_message(lane), message, foreign)
        frame, foreign = self.spelt(message, foreign)
        before = self.session.open
        actions = self.session.from_server(frame, lane)
        if foreign:
            assert actions == [ToClient(frame, lane)]
            assert isinstance(actions[0], ToClient)
            assert actions[0].frame is frame
        self.did(actions, frame, lane)
        assert self.session.open <= before

    def outcome(self) -> None:
        if not self.running:
            return
        sample = self.pick(list(self.running.values()))
        if self.number(4) == 3:
            self.did(self.session.elicit(sample.number, self.number(5), b'{"of":"%s"}' % self.mark(sample)), None, None)
            return
        del self.running[sample.number]
        mark = self.mark(sample)
        outcomes: tuple[Outcome, ...] = (
            Answered(b'{"of":"%s"}' % mark),
            Refused(SamplingRefused("no")),
            Deferred("key", b'{"of":"%s"}' % mark),
        )
        self.did(self.session.answered(sample.number, self.pick(outcomes)), None, None)
        self.did(self.session.beat(), None, None)
        assert self.session.answered(sample.number, outcomes[0]) == []

    def ending(self) -> None:
        lane = self.pick(self.lanes)
        if self.maybe():
            self.did(self.session.client_gone(lane), None, None)
        else:
            self.did(self.session.server_gone("over", lane), None, None)

    def client_message(self, lane: Lane) -> tuple[Any, bool]:
        kind, id, method = self.number(8), self.pick(IDS), self.pick(METHODS)
        params: dict[str, Any] = {"name": "t", "arguments": {"mark": lane, "n": 1.5}}
        if method.startswith("tasks/"):
            params["taskId"] = self.pick((*TASKS, *TASKS, self.pick(ODD)))
        elif method == "subscriptions/listen":
            params["notifications"] = {"taskIds": list(TASKS)}
        request = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
        own: dict[str, Any] = {
            **({"elicitation": {}} if self.maybe() else {}),
            **({"sampling": {}} if self.number(5) == 4 else {}),
        }
        if kind == 0:
            started = {"protocolVersion": self.pick(("2025-11-25", "2025-03-26")), "capabilities": own}
            return {**request, "method": "initialize", "params": started}, False
        if kind == 1:
            return request, True
        if kind == 2:
            return {"jsonrpc": "2.0", "method": "made/up", "params": params}, True
        if kind == 3:
            request_id = self.pick((id, id, self.pick(ODD)))
            return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": request_id}}, False
        if kind == 4:
            to = self.pick((id, *self.questions[-2:], "foreign"))
            foreign = to == "foreign"
            return {"jsonrpc": "2.0", "id": to, "result": {"action": "accept"}}, foreign
        if kind == 5:
            return self.pick(GARBAGE), True
        params["_meta"] = meta(**own)
        if self.asked and self.maybe():
            state, keys = self.asked[-1]
            params["requestState"] = self.pick((state, state, state[:-1], "foreign", self.pick(ODD)))
            params["inputResponses"] = {key: {"action": "accept"} for key in keys if self.number(4)}
        return request, False

    def server_message(self, lane: Lane) -> tuple[Any, bool]:
        kind, id = self.number(8), self.pick(IDS)
        params = {"mark": lane, "maxTokens": 1}
        if kind == 0:
            return {"jsonrpc": "2.0", "id": id, "method": "sampling/createMessage", "params": params}, False
        if kind == 1:
            return {"jsonrpc": "2.0", "id": id, "method": "roots/list", "params": params}, True
        if kind == 2:
            return {"jsonrpc": "2.0", "method": "notifications/message", "params": params}, True
        if kind == 3:
            return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}, False
        if kind == 4:
            return self.pick(GARBAGE), True
        to = self.pick((id, *self.ours[-2:]))
        if kind == 5:
            return {"jsonrpc": "2.0", "id": to, "result": {"content": [{"text": "x"}]}}, False
        asks: dict[str, Any] = {}
        for key in ("a", "b")[: self.number(3)]:
            asks[key] = {"method": "sampling/createMessage", "params": params}
        if self.number(3) == 2:
            asks["f"] = self.pick((FORM, self.pick(ODD), {"method": 7}))
        result = {"resultType": self.pick(("input_required", "input_required", "odd", "task")), "inputRequests": asks}
        if self.maybe():
            result["status"] = self.pick(("input_required", "input_required", "working", "completed", self.pick(ODD)))
            result["taskId"] = self.pick((*TASKS, *TASKS, self.pick(ODD)))
            if self.number(3) == 2:
                return {"jsonrpc": "2.0", "method": "notifications/tasks", "params": result}, False
        if self.maybe():
            result["requestState"] = self.pick(("state", self.pick(ODD)))
        return {"jsonrpc": "2.0", "id": to, "result": result}, False

    def batch(self, another: Callable[[], tuple[Any, bool]], message: Any, foreign: bool) -> tuple[Any, bool]:
        messages = [message]
        for _ in range(self.number(3)):
            following, also = another()
            messages.append(following)
            foreign = foreign and also
        parts = [self.spelt(one, foreign)[0] or b"0" for one in messages]
        return b"[" + b" ,".join(parts) + b"]", foreign

    def spelt(self, message: Any, foreign: bool) -> tuple[bytes, bool]:
        """The message as JSON, in one of many spellings; one that was damaged is not called foreign any more."""
        if isinstance(message, bytes):
            return message, foreign
        way = self.number(12)
        frame = json.dumps(message, ensure_ascii=way % 2 == 0, separators=(",", ":") if way % 3 else None).encode()
        if way == 9:
            return b'{"id":99,"params":{},"method":"x",' + frame[1:], False
        if way == 10:
            at = self.number(255) * len(frame) // 255
            return frame[:at] + bytes([self.number(256)]) + frame[at + 1 :], False
        return frame, foreign

    def mark(self, sample: Sample) -> bytes:
        return str(sample.lane).encode()

    def did(self, actions: list[Action], came: bytes | None, lane: Lane) -> None:
        for action in actions:
            if isinstance(action, Sample):
                assert action.number not in self.running
                self.running[action.number] = action
                if action.round is not None:
                    assert action.batch
            elif isinstance(action, StopSample):
                assert action.number in self.running, "only what runs is stopped"
                del self.running[action.number]
            elif isinstance(action, Elicited):
                assert action.result is None or json.loads(action.result.decode("utf-8", "replace"))
            elif isinstance(action, ToServer):
                self.lane_keeps(action)
                if action.frame is not came and action.frame.startswith(b"{"):
                    id = self.messages(action.frame)[0].get("id")
                    if isinstance(id, str) and id.startswith("upcall-"):
                        assert id not in self.ours
                        self.ours.append(id)
            else:
                assert isinstance(action, ToClient)
                self.lane_keeps(action)
                self.reached_client(action, came)
        inside = self.messages(came or b"")
        if (
            len(inside) == 1
            and "method" not in inside[0]
            and any(isinstance(action, Sample) and action.round and action.lane is not APART for action in actions)
        ):
            self.taken.add((inside[0]["id"], lane))

    def reached_client(self, action: ToClient, came: bytes | None) -> None:
        for message in self.messages(action.frame):
            id = message.get("id")
            if "method" in message:
                if isinstance(id, str) and id.startswith("upcall-") and id not in self.ours:
                    self.questions.append(id)
                continue
            assert id not in self.ours
            if self.is_id(id):
                owed = (id, action.lane)
                passed = came is action.frame or (came or b"").startswith(b"[")
                unasked = passed and self.owed[owed] <= 0 and owed not in self.taken
                assert unasked or self.owed[owed] > 0, "a response that nobody waits for"
                self.owed[owed] -= not unasked
            result = message.get("result")
            if isinstance(result, dict) and str(result.get("requestState")).startswith("upcall."):
                self.asked.append((result["requestState"], list(result.get("inputRequests", ()))))

    def lane_keeps(self, action: ToServer | ToClient) -> None:
        for lane in self.lanes:
            assert lane is None or lane == action.lane or str(lane).encode() not in action.frame

    def messages(self, frame: bytes) -> list[dict[str, Any]]:
        try:
            found = json.loads(frame.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return []
        return [message for message in (found if isinstance(found, list) else [found]) if isinstance(message, dict)]

    def is_id(self, id: Any) -> bool:
        return isinstance(id, (int, float, str)) and not isinstance(id, bool)
