"""One round of a call: what a server asked in an ``input_required`` result (2026-07-28, SEP-2322), and its answers.

A round *runs* while samples of it are being answered. When none is left it goes *upstream*, if the server asked for
nothing else, or *to the client*, with everything known sealed into ``requestState``; there it waits, in no process.
When the client comes back it runs again for the samples that had to wait for the client's answer, and goes upstream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from upcall.gateway import frames
from upcall.gateway.session.actions import Deferred

__all__ = ["SAMPLING", "Round", "asked_in", "client_result", "is_input_required", "sorted_requests"]

SAMPLING = "sampling/createMessage"


class Round(msgspec.Struct, eq=False):
    """Of one call, while it runs."""

    result: Raw | None
    """The server's result; ``None`` once the client has been there."""
    state: Raw | None
    """The server's ``requestState``."""
    samples: dict[str, Raw]
    """Params of all samplings not answered yet, by the server's key."""
    others: dict[str, Raw]
    """What else the server asks, as it is written."""
    batch: int
    answers: dict[str, Raw] = {}
    given: dict[str, bytes] = {}
    """What the client answered us, by `Deferred.key`."""
    running: dict[int, str] = {}
    """Samples under way: number → key."""
    deferred: dict[str, Deferred] = {}
    """Samples that wait for the client, by key."""


class _Result(msgspec.Struct):
    type: str | UnsetType = msgspec.field(default=UNSET, name="resultType")
    state: Raw | UnsetType = msgspec.field(default=UNSET, name="requestState")
    requests: Raw | UnsetType = msgspec.field(default=UNSET, name="inputRequests")


class _Entry(msgspec.Struct):
    method: str
    params: Raw | UnsetType = UNSET


_result = msgspec.json.Decoder(_Result)
_entry = msgspec.json.Decoder(_Entry)


def is_input_required(result: Raw) -> bool:
    """Whether the server asks for more before it can go on."""
    try:
        return _result.decode(result).type == "input_required"
    except frames.UNREADABLE:
        return False


def asked_in(result: Raw) -> Round | None:
    """What the server asks; ``None`` when the result is no valid ``input_required``."""
    try:
        found = _result.decode(result)
        if found.type != "input_required":
            return None
        if found.state is not UNSET:
            msgspec.json.decode(found.state, type=str)
    except frames.UNREADABLE:
        return None
    requests = {} if found.requests is UNSET else frames.members(found.requests)
    if requests is None:
        return None
    samples, others = sorted_requests(requests)
    return Round(result, None if found.state is UNSET else found.state, samples, others, len(samples))


def sorted_requests(requests: Mapping[str, Raw]) -> tuple[dict[str, Raw], dict[str, Raw]]:
    """Of ``inputRequests``: the params of the samplings, and what else there is, as it is written; by key."""
    samples: dict[str, Raw] = {}
    others: dict[str, Raw] = {}
    for key, written in requests.items():
        try:
            entry: Any = _entry.decode(written)
        except frames.UNREADABLE:
            entry = None
        if entry is not None and entry.method == SAMPLING:
            samples[key] = Raw(b"{}") if entry.params is UNSET else entry.params
        else:
            others[key] = written
    return samples, others


def client_result(asked: Round, questions: dict[str, bytes], state: str) -> bytes:
    """What the client gets instead of the server's result.

    Args:
        asked: What of the server's goes to the client.
        questions: What we ask besides: params of ``elicitation/create``, by a key of ours.
        state: The sealed state.
    """
    requests: dict[str, Any] = dict(asked.others)
    for key, params in questions.items():
        requests[key] = {"method": "elicitation/create", "params": Raw(params)}
    changes: dict[str, bytes | Raw | None] = {"requestState": frames.joined(state)}
    had = asked.result is not None and "inputRequests" in (frames.members(asked.result) or {})
    changes["inputRequests"] = frames.joined(requests) if requests or had else None
    built = frames.changed(b'{"resultType":"input_required"}' if asked.result is None else asked.result, changes)
    return built or b"{}"
