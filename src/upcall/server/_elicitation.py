"""Elicitation and roots: whether a client takes them, and how its person is asked about a sample of the fallback."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import MCPError

from upcall.errors import MISSING_CLIENT_CAPABILITY
from upcall.host.approval import asking_through
from upcall.server._doors import Door
from upcall.server._open import OpenRequest

__all__ = ["person_at_client", "undeclared"]

_METHOD = "elicitation/create"


def undeclared(
    declared: types.ClientCapabilities | None, request: types.ElicitRequest | types.ListRootsRequest
) -> MCPError | None:
    """A server never asks for what was not declared (2026-07-28, multi round-trip requests)."""
    if isinstance(request, types.ListRootsRequest):
        has_it = declared is not None and declared.roots is not None
        return None if has_it else _missing("roots", {"roots": {}})
    mode = request.params.mode
    return None if _elicits(declared, mode) else _missing(f"elicitation.{mode}", {"elicitation": {mode: {}}})


@contextmanager
def person_at_client(open_request: OpenRequest, door: Door) -> Iterator[None]:
    """In the block, a host that wants a person's decision can ask the client's, where it has elicitation."""

    def obstacle() -> MCPError | None:
        declared = open_request.session.client_capabilities
        return None if _elicits(declared, "form") else _missing("elicitation.form", {"elicitation": {"form": {}}})

    async def elicit(message: str, schema: dict[str, Any]) -> Mapping[str, Any]:
        return await door.ask(_METHOD, {"message": message, "requestedSchema": schema}, obstacle)

    if door.closed or door.rounds_left == 0 or obstacle() is not None:
        yield
        return
    with asking_through(elicit, open_request.session):
        yield


def _elicits(declared: types.ClientCapabilities | None, mode: str) -> bool:
    modes = declared.elicitation if declared is not None else None
    # A bare ``elicitation: {}`` is older than the modes, and means forms.
    return modes is not None and (getattr(modes, mode) is not None or (mode == "form" and modes.url is None))


def _missing(name: str, needed: dict[str, Any]) -> MCPError:
    return MCPError(
        code=MISSING_CLIENT_CAPABILITY,
        message=f"The client did not declare the {name} capability.",
        data={"requiredCapabilities": needed},
    )
