"""`Playbook`: drives the engine by hand, so that a test reads as a transcript and needs no event loop."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

import pytest

from upcall.errors import SamplingError
from upcall.host.approval import Answer
from upcall.host.context import SamplingContext
from upcall.host.engine import (
    Answered,
    Arrival,
    Ask,
    Begin,
    Begun,
    Call,
    Command,
    Completed,
    Done,
    Event,
    Failed,
    Keep,
    Recall,
    Recalled,
    Record,
    Release,
    Reserve,
    Reserved,
    Settle,
    Stage,
    Withdrawn,
    answering,
    calling,
    reply,
    validity,
)
from upcall.host.policy import Rules, parse_policy
from upcall.host.records import Entry
from upcall.models import Completion, Usage
from upcall.store import Amount, Exceeded, Reservation
from upcall.wire import (
    ContentBlock,
    SamplingCapability,
    SamplingMessage,
    SamplingRequest,
    SamplingResult,
    TextContent,
    Tool,
)

C = TypeVar("C", bound=Command)

MODEL = "test/model"
NOON = datetime(2026, 7, 28, 12, tzinfo=UTC)
WITH_TOOLS = SamplingCapability(tools={})
STAGES: tuple[Stage, ...] = (validity, reply, calling(MODEL))
YES = Answer(approved=True, by="alice")
NO = Answer(approved=False, by="alice", reason="too long")


def rules(text: str = "", server: str = "logs") -> Rules:
    """What a policy file with these lines says about ``server``."""
    return parse_policy(text).rules_for(server)


def reservation(tokens: int = 500, micro_usd: int = 70) -> Reservation:
    """Something that was set aside."""
    amount = Amount(calls=1, tokens=tokens, micro_usd=micro_usd)
    return Reservation(id="r1", amount=amount, expires_at=NOON)


def asked(text: str = "Why is the sky blue?", **fields: Any) -> SamplingRequest:
    """A request with one user message."""
    fields.setdefault("messages", [SamplingMessage(role="user", content=TextContent(text=text))])
    return SamplingRequest(**{"max_tokens": 100, **fields})


def answer(content: str | ContentBlock | list[ContentBlock] = "Rayleigh.", **fields: Any) -> Completion:
    """A completion of the given content."""
    block = TextContent(text=content) if isinstance(content, str) else content
    result = SamplingResult(
        **{"role": "assistant", "content": block, "model": "real-1", "stop_reason": "endTurn", **fields}
    )
    return Completion(result=result, usage=Usage(input_tokens=7, output_tokens=2))


def tool(name: str = "look") -> Tool:
    """A tool to offer."""
    return Tool(name=name, input_schema={"type": "object"})


class Playbook:
    """One request: ``calls`` and ``records`` expect the next command, ``sends`` reports an event."""

    def __init__(
        self,
        params: object,
        *,
        version: str | None = None,
        declared: SamplingCapability = WITH_TOOLS,
        stages: Sequence[Stage] = STAGES,
        keep: Keep | None = None,
        at: float = 10.0,
        **context: Any,
    ) -> None:
        asker = SamplingContext(**{"server": "logs", "version": version, **context})
        arrival = Arrival(params=params, context=asker, declared=declared, started_at=NOON, at=at)
        self._steps = answering(arrival, stages, keep)
        self.command: Command | None = None
        """What the engine wants done now."""
        self._reply: Completion | None = None
        self._error: Exception | None = None
        self._advance(None)

    def _advance(self, event: Event | None) -> None:
        self.command = None
        try:
            self.command = next(self._steps) if event is None else self._steps.send(event)
        except StopIteration as end:
            self._reply = end.value
        except (SamplingError, Withdrawn) as error:
            self._error = error

    def calls(self, request: SamplingRequest) -> Self:
        """The next command asks the model exactly this."""
        assert self.command == Call(model=MODEL, request=request)
        return self

    def sends(self, event: Event) -> Self:
        """The command was performed, and this came of it."""
        assert self.command is not None, "nothing was commanded"
        self._advance(event)
        return self

    def wants(self, kind: type[C]) -> C:
        """The next command, which is of this kind."""
        assert isinstance(self.command, kind), self.command
        return self.command

    def recalls(self, answer: Answer | None = None) -> Self:
        """The next command looks up what people said; this is it."""
        self.wants(Recall)
        return self.sends(Recalled(at=11.0, answer=answer))

    def reserves(self, outcome: Reservation | Exceeded | None = None) -> Self:
        """The next command reserves; this comes of it."""
        self.wants(Reserve)
        return self.sends(Reserved(at=11.0, outcome=outcome or reservation()))

    def asks(self, answer: Answer = YES) -> Self:
        """The next command asks a person, who says this."""
        self.wants(Ask)
        return self.sends(Answered(at=11.5, answer=answer))

    def begins(self, record: int = 7) -> Self:
        """The next command begins the record."""
        self.wants(Begin)
        return self.sends(Begun(at=11.0, record=record))

    def settles(self, actual: Amount) -> Self:
        """The next command counts this."""
        assert self.wants(Settle).actual == actual
        return self.sends(Done(at=13.0))

    def releases(self) -> Self:
        """The next command gives back what was reserved."""
        self.wants(Release)
        return self.sends(Done(at=13.0))

    def completes(self, completion: Completion, *, at: float = 12.5) -> Self:
        """The model answered."""
        return self.sends(Completed(at=at, completion=completion))

    def fails(self, error: SamplingError, *, at: float = 12.5) -> Self:
        """The command failed."""
        return self.sends(Failed(at=at, error=error))

    def records(self, outcome: str) -> Entry:
        """The next command is the record, with this outcome; and it is the last command."""
        command = self.command
        assert isinstance(command, Record)
        assert command.entry.outcome == outcome
        self._advance(Done(at=99.0))
        assert self._ended, "a command came after the record"
        return command.entry

    @property
    def _ended(self) -> bool:
        return self.command is None

    def replies(self) -> Completion:
        """The request ended with this answer."""
        assert self._error is None
        assert self._reply is not None
        return self._reply

    def raises(self, kind: type[Exception], match: str | None = None) -> Exception:
        """The request ended with this error."""
        assert self._error is not None, "it did not raise"
        with pytest.raises(kind, match=match):
            raise self._error
        return self._error
