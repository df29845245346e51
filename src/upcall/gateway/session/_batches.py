"""Batches of messages (2025-03-26): each message goes its own way, and what goes on together stays together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec import Raw

from upcall.gateway import frames
from upcall.gateway.session.actions import Action, Lane, ToClient, ToServer

__all__ = ["each"]

_Forward = TypeVar("_Forward", ToServer, ToClient)


def each(frame: bytes, lane: Lane, forward: type[_Forward], one: Callable[[bytes, Lane], list[Action]]) -> list[Action]:
    """What is to be done for a frame that is no single message; one that is no batch either goes on as it is.

    Args:
        frame: The whole frame.
        lane: Where it came.
        forward: The action that sends a message on in the direction of this batch.
        one: What is to be done for one message of it.

    Returns:
        First what goes on, as one batch on each lane (the same frame, when all goes on unchanged on one
        lane), then the rest in order.
    """
    messages = frames.elements(frame)
    if not messages:
        return [forward(frame, lane)]
    onward: dict[Lane, list[bytes]] = {}
    rest: list[Action] = []
    same = True
    for message in messages:
        written = bytes(message)
        went = 0
        for action in one(written, lane):
            if isinstance(action, forward):
                onward.setdefault(action.lane, []).append(action.frame)
                went += action.frame is written
            else:
                rest.append(action)
        same = same and went == 1
    if same and len(onward) <= 1:
        return [forward(frame, next(iter(onward), lane)), *rest]
    built: list[Action] = [forward(frames.joined([Raw(part) for part in parts]), to) for to, parts in onward.items()]
    return built + rest
