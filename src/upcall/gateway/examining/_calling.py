"""`call_through`: one tool call by a client that cannot sample, through a real gateway session, under the policy and
into the record; and what was sampled on the way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from upcall.gateway.answering import Answering
from upcall.gateway.examining._examination import Examined
from upcall.gateway.examining._links import Link, linked
from upcall.gateway.examining._peer import Failed, Gone, Peer
from upcall.gateway.examining._probing import CLIENT, meta_for
from upcall.gateway.performing import Elicit, Performer
from upcall.gateway.session.actions import Answered, Outcome, Refused, Sample, ToClient, ToServer
from upcall.gateway.session.session import Session
from upcall.host.policy.origin import dotted
from upcall.wire import LATEST_LEGACY, Era

__all__ = ["Called", "Sampled", "call_through"]

_EXCERPT = 300
_CANNOT_ASK = "no back-channel for server-initiated requests"
"""What the official SDK's servers say, from version 2 on, that ask on 2026-07-28 in the way of 2025-11-25."""
_CURE = 'It can ask on 2025-11-25 alone. Have that spoken with it: protocol = "legacy" under [{}] in the policy.'


class Sampled(msgspec.Struct, frozen=True, kw_only=True):
    """One sampling request of the call."""

    prompt: str
    """The last message's text, shortened."""
    answered: bool
    model: str
    reply: str
    """What the model said, or why nobody answered; shortened."""
    hint: str
    seconds: float


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """How a call went."""

    tool: str
    failed: str
    """Why there is no result; empty when there is one."""
    is_error: bool
    """Whether the result says that the tool failed."""
    text: str
    samples: tuple[Sampled, ...]
    hint: str = ""
    """What to do, where that shows."""

    @property
    def fine(self) -> bool:
        """Whether tool and samples came to a good end."""
        return not self.failed and not self.is_error and all(one.answered for one in self.samples)


async def call_through(
    examined: Examined, tool: str, arguments: Mapping[str, Any], env: Mapping[str, str], seconds: float
) -> Called:
    """Call ``tool`` once. What goes wrong on the way is in what it gives.

    Args:
        examined: The server; its standing has settings.
        tool: The tool.
        arguments: As its schema wants them.
        env: The environment of the server's client.
        seconds: For all of it.

    Raises:
        ValueError: No policy can hold there.
    """
    settings = examined.standing.settings
    if settings is None:
        raise ValueError("there is no policy to go by")
    hide = examined.hide
    answering = Answering(settings, examined.target.name)
    watching = _Watching(answering, hide)
    failed, result = "", {}
    modern = examined.era is Era.MODERN and answering.terms().protocol == "auto"
    try:
        async with asyncio.timeout(seconds):
            result = await _called(examined, watching, tool, arguments, env, modern=modern)
    except TimeoutError:
        failed = f"It has no result after {seconds:g} seconds."
    except Failed as error:
        failed = hide(f"{error.message} ({error.code})")
    except Gone:
        failed = "The server ended in the middle of it."
    except (OSError, ValueError) as error:
        failed = hide(f"The server cannot be started or reached: {error}")
    finally:
        await answering.aclose()
    content = result.get("content")
    texts = [str(one.get("text", f"({one.get('type')})")) for one in content or () if isinstance(one, dict)]
    is_error = result.get("isError") is True
    why = failed or ("\n".join(texts) if is_error else "")
    return Called(
        tool=hide(tool),
        failed=failed,
        is_error=is_error,
        text=hide("\n".join(texts)),
        samples=tuple(watching.seen),
        hint=hide(_CURE.format(dotted(("server", examined.target.name)))) if modern and _CANNOT_ASK in why else "",
    )


async def _called(
    examined: Examined,
    watching: _Watching,
    tool: str,
    arguments: Mapping[str, Any],
    env: Mapping[str, str],
    *,
    modern: bool,
) -> dict[str, Any]:
    terms, sealer = watching.answering.terms, watching.answering.sealer()
    link: Link

    def send(action: ToServer | ToClient) -> None:
        if type(action) is ToServer:
            link.send(action.frame)
        else:
            peer.received(action.frame)

    performer = Performer(Session(terms, sealer), watching, send)
    peer = Peer(performer.from_client)

    def ended() -> None:
        performer.server_gone("The server ended.")
        peer.ended()

    async with linked(examined.target, env, performer.from_server, ended) as link:
        try:
            params: dict[str, Any] = {"name": tool, "arguments": arguments}
            if modern:
                params["_meta"] = meta_for({})
            else:
                hello = {"protocolVersion": LATEST_LEGACY, "capabilities": {}, "clientInfo": CLIENT}
                await peer.ask("initialize", hello)
                peer.tell("notifications/initialized")
                await peer.ask("tools/list", {})  # some servers add tools only once they know their client
            found = await peer.ask("tools/call", params)
        finally:
            await performer.aclose()
    return found if isinstance(found, dict) else {}


class _Watching:
    """An answering that remembers."""

    def __init__(self, answering: Answering, hide: Any) -> None:
        self.answering = answering
        self.seen: list[Sampled] = []
        self._hide = hide

    async def answer(self, sample: Sample, elicit: Elicit | None) -> Outcome:
        begun = time.monotonic()
        try:
            outcome = await self.answering.answer(sample, elicit)
        except asyncio.CancelledError:
            self._saw(sample, begun, False, reply="It was given up before there was an answer.")
            raise
        if isinstance(outcome, Answered):
            result = msgspec.json.decode(outcome.result)
            self._saw(sample, begun, True, model=str(result.get("model", "")), reply=_text(result.get("content")))
        elif isinstance(outcome, Refused):
            self._saw(sample, begun, False, reply=outcome.error.message, hint=outcome.error.hint)
        return outcome

    def _saw(
        self, sample: Sample, begun: float, answered: bool, *, reply: str, model: str = "", hint: str = ""
    ) -> None:
        self.seen.append(
            Sampled(
                prompt=self._short(_last_text(sample.params)),
                answered=answered,
                model=model,
                reply=self._short(reply),
                hint=hint,
                seconds=time.monotonic() - begun,
            )
        )

    def _short(self, text: str) -> str:
        text = self._hide(text)
        return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"


def _last_text(params: bytes) -> str:
    try:
        messages = msgspec.json.decode(params).get("messages")
        return _text(messages[-1]["content"])
    except (msgspec.DecodeError, RecursionError, AttributeError, LookupError, TypeError):
        return ""


def _text(content: Any) -> str:
    blocks = content if isinstance(content, list) else [content]
    return " ".join(str(one.get("text", f"({one.get('type')})")) for one in blocks if isinstance(one, dict))
