"""Answering: one sampling request from arrival to reply.

::

    mcp.Client ──callback──▶ Host ──▶ driver ⇄ engine (sans-IO)
                                        │
                                        └──▶ Model / handler function, record

The names below are loaded when they are first used, so that whoever wants the policy alone waits for nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from upcall.host.context import ClientRequest, SamplingContext, current_context
    from upcall.host.handling import handler
    from upcall.host.host import Host
    from upcall.host.records import Entry, Fault

__all__ = ["ClientRequest", "Entry", "Fault", "Host", "SamplingContext", "current_context", "handler"]

_HOME_OF = {
    "ClientRequest": "context",
    "Entry": "records",
    "Fault": "records",
    "Host": "host",
    "SamplingContext": "context",
    "current_context": "context",
    "handler": "handling",  # a module of the name itself would stand in its place
}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'upcall.host' has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f"upcall.host.{home}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
