"""Answering: one sampling request from arrival to reply.

::

    mcp.Client ──callback──▶ Host ──▶ driver ⇄ engine (sans-IO)
                                        │
                                        └──▶ Model / handler function, record
"""

from upcall.host.context import ClientRequest, SamplingContext, current_context
from upcall.host.handler import handler
from upcall.host.host import Host
from upcall.host.records import Entry, Fault

__all__ = ["ClientRequest", "Entry", "Fault", "Host", "SamplingContext", "current_context", "handler"]
