"""A store with records to read: answered, refused, lost, under way, hostile, and with what is not known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from upcall.host.scanning import scan_request
from upcall.store import Failure, Intent, Outcome, open_store
from upcall.wire import decode_request

HOSTILE = "Explain.\x1b[2J\n\u202eevil\u202c\thidden\u200b"
MODELS = ("anthropic/claude-sonnet-5", "openai/gpt-5.4-mini", "local/smollm2")
SERVERS = ("logs", "files", "odd\x1b[31m\u202ename")


def prompt(text: str, **fields: Any) -> dict[str, Any]:
    """A request's JSON."""
    return {"messages": [{"role": "user", "content": {"type": "text", "text": text}}], "maxTokens": 100, **fields}


def reply(text: str) -> dict[str, Any]:
    """A reply's JSON."""
    return {
        "role": "assistant",
        "content": {"type": "text", "text": text},
        "model": "m-1",
        "stopReason": "endTurn",
    }


def intent(number: int, *, at: datetime, text: str = "Why?", **fields: Any) -> Intent:
    """What was asked; servers and models take turns."""
    request = prompt(text)
    return Intent(
        **{
            "server": SERVERS[number % 3],
            "method": "tools/call",
            "name": f"tool_{number}",
            "version": "2026-07-28",
            "era": "modern",
            "request_id": f"k{number}",
            "request": request,
            "model_asked": MODELS[number % 3],
            "flags": tuple(scan_request(decode_request(request))),
            "decision": "allow",
            "decided_by": "default.decision",
            "started_at": at,
            **fields,
        }
    )


def answered(at: datetime, text: str = "Because.", **fields: Any) -> Outcome:
    """That it went well."""
    return Outcome(
        **{
            "label": "answered",
            "latency": 1.5,
            "finished_at": at + timedelta(seconds=1.5),
            "result": reply(text),
            "model_used": "m-1",
            "stop_reason": "endTurn",
            "input_tokens": 1200,
            "output_tokens": 30,
            "micro_usd": 4200,
            "price_version": "genai-prices 0.2.3",
            **fields,
        }
    )


async def fill(url: str | Path, *, now: datetime | None = None) -> None:
    """Write six records; the newest is the last one.

    1 answered two days ago, 2 refused, 3 of unknown price and with hostile texts, 4 lost, 5 not counted, 6 under way.
    """
    now = now or datetime.now(UTC)
    async with open_store(url) as store:
        two_days_ago = now - timedelta(days=2)
        await store.add(intent(0, at=two_days_ago, text="The oldest."), answered(two_days_ago))
        at = now - timedelta(hours=3)
        await store.add(
            intent(1, at=at),
            Outcome(
                label="limit_exceeded",
                latency=0.01,
                finished_at=at,
                error=Failure(code=-1, message="The prompt is too long.", detail="limits.prompt_chars"),
                decision="deny",
                decided_by="ann",
            ),
        )
        at = now - timedelta(hours=2)
        await store.add(intent(2, at=at, text=HOSTILE), answered(at, HOSTILE, micro_usd=None, price_version=None))
        await store.begin(intent(3, at=now - timedelta(minutes=90), lease=60.0))
        at = now - timedelta(minutes=30)
        await store.add(
            intent(4, at=at), answered(at, input_tokens=None, output_tokens=None, micro_usd=None, price_version=None)
        )
        await store.begin(intent(5, at=now - timedelta(minutes=1)))
