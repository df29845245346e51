"""One round of a call: what a server asked in an ``input_required`` result (2026-07-28, SEP-2322), and its answers.

A round *runs* while samples of it are being answered. When none is left it goes *upstream*, if the server asked for
nothing else, or *to the client*, with everything known sealed into ``requestState``; there it waits, in no process.
When the client comes back it runs again for the samples that had to wait for the client's answer, and goes upstream.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from upcall.gateway import frames
from upcall.gateway._decoding import decoded
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


def is_input_required(result: Raw) -> bool:
    """Whether the server asks for more before it can go on."""
    return bool(decoded((frames.members(result) or {}).get("resultType")) == "input_required")


def asked_in(result: Raw) -> Round | None:
    """What the server asks; ``None`` when the result is no valid ``input_required``."""
    found = frames.members(result) or {}
    state = found.get("requestState")
    if decoded(found.get("resultType")) != "input_required" or not (state is None or isinstance(decoded(state), str)):
        return None
    requests = frames.members(found["inputRequests"]) if "inputRequests" in found else {}
    if requests is None:
        return None
    samples, others = sorted_requests(requests)
    return Round(result, state, samples, others, len(samples))


def sorted_requests(requests: Mapping[str, Raw]) -> tuple[dict[str, Raw], dict[str, Raw]]:
    """Of ``inputRequests``: the params of the samplings, and what else there is, as it is written; by key."""
    samples: dict[str, Raw] = {}
    others: dict[str, Raw] = {}
    for key, written in requests.items():
        entry = frames.members(written) or {}
        if decoded(entry.get("method")) == SAMPLING:
            samples[key] = entry.get("params", Raw(b"{}"))
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
