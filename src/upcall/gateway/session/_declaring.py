"""The sampling capability, added to what the client declares."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Raw, UnsetType

from upcall.gateway import frames
from upcall.gateway.session.handshake import Handshake
from upcall.gateway.session.terms import Terms
from upcall.wire.eras import allows_tools

__all__ = ["CAPABILITIES", "VERSION", "Declared", "in_initialize", "in_meta", "version_of"]

CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
VERSION = "io.modelcontextprotocol/protocolVersion"


class Declared(msgspec.Struct, frozen=True):
    """What a client's request of 2026-07-28 says about the client."""

    frame: bytes
    """The request as it goes upstream."""
    ours: bool
    """Whether the server's sampling requests are answered here."""
    elicits: bool
    """Whether the client can put a form to a person (elicitation in form mode)."""
    version: str | None


class _Initialize(msgspec.Struct):
    capabilities: Raw | UnsetType = UNSET
    protocol_version: Raw | UnsetType = msgspec.field(default=UNSET, name="protocolVersion")


class _WithMeta(msgspec.Struct):
    meta: Raw | UnsetType = msgspec.field(default=UNSET, name="_meta")


class _Meta(msgspec.Struct):
    capabilities: Raw | UnsetType = msgspec.field(default=UNSET, name=CAPABILITIES)
    version: Raw | UnsetType = msgspec.field(default=UNSET, name=VERSION)


class _Versioned(msgspec.Struct):
    version: str = msgspec.field(name="protocolVersion")


_initialize = msgspec.json.Decoder(_Initialize)
_with_meta = msgspec.json.Decoder(_WithMeta)
_meta = msgspec.json.Decoder(_Meta)
_text = msgspec.json.Decoder(str)
_versioned = msgspec.json.Decoder(_Versioned)


def in_initialize(frame: bytes, params: Raw | UnsetType, terms: Terms) -> tuple[bytes, Handshake]:
    """``initialize`` with the capability in it, where the gateway answers (2025-11-25, lifecycle, "Initialization")."""
    try:
        found = _initialize.decode(params) if params is not UNSET else _Initialize()
    except frames.UNREADABLE:
        found = _Initialize()
    version = _string(found.protocol_version)
    capabilities = frames.members(found.capabilities)
    if capabilities is None or params is UNSET:
        return frame, Handshake(version=version)
    ours = _answers(terms, capabilities)
    tools = version is not None and allows_tools(version)
    if ours and _differs(terms, capabilities):
        new = _declaration(terms, capabilities, tools=tools)
        inner = frames.changed(params, {"capabilities": new})
        built = None if inner is None else frames.changed(frame, {"params": inner})
        ours = built is not None
        frame = frame if built is None else built
    sampling = frames.members(capabilities.get("sampling"))
    modes = frames.members(capabilities.get("elicitation")) or {}
    return frame, Handshake(
        sampling=sampling is not None,
        sampling_tools="tools" in (sampling or {}),
        sampling_context="context" in (sampling or {}),
        form=_elicits(capabilities) and version is not None and version >= "2025-06-18",
        url="url" in modes,
        ours=ours,
        tools=ours and terms.allowed and terms.tools and tools,
        version=version,
    )


def in_meta(frame: bytes, params: Raw | UnsetType, terms: Terms) -> Declared | None:
    """A request of 2026-07-28 with the capability in it; ``None`` for a request of another era (SEP-2575)."""
    try:
        if params is UNSET:
            return None
        held = _with_meta.decode(params).meta
        if held is UNSET:
            return None
        meta = _meta.decode(held)
    except frames.UNREADABLE:
        return None
    capabilities = frames.members(meta.capabilities)
    if capabilities is None:
        return None
    version = _string(meta.version)
    ours = _answers(terms, capabilities)
    if ours and _differs(terms, capabilities):
        old = bytes(held)
        new = frames.changed(held, {CAPABILITIES: _declaration(terms, capabilities, tools=True)})
        built = None
        if new is not None:
            built = frames.swapped(frame, old, new)
            if built is None:
                inner = frames.changed(params, {"_meta": new})
                built = None if inner is None else frames.changed(frame, {"params": inner})
        ours = built is not None
        frame = frame if built is None else built
    return Declared(frame, ours=ours, elicits=_elicits(capabilities), version=version)


def version_of(result: Raw | UnsetType) -> str | None:
    """What the server has chosen in its answer to ``initialize``."""
    try:
        return None if result is UNSET else _versioned.decode(result).version
    except frames.UNREADABLE:
        return None


def _answers(terms: Terms, capabilities: Mapping[str, Raw]) -> bool:
    if terms.answers == "prefer-client":
        return terms.allowed and frames.members(capabilities.get("sampling")) is None
    return terms.answers == "gateway"


def _differs(terms: Terms, capabilities: Mapping[str, Raw]) -> bool:
    """Whether the server is told something else than the client says."""
    return terms.allowed or "sampling" in capabilities


def _declaration(terms: Terms, capabilities: Mapping[str, Raw], *, tools: bool) -> bytes:
    """The client's capabilities with ours. Where the gateway alone answers and may not, nobody samples."""
    if not terms.allowed:
        return frames.joined({key: value for key, value in capabilities.items() if key != "sampling"})
    return frames.joined({**capabilities, "sampling": {"tools": {}} if tools and terms.tools else {}})


def _elicits(capabilities: Mapping[str, Raw]) -> bool:
    modes = frames.members(capabilities.get("elicitation"))
    return modes is not None and (not modes or "form" in modes)


def _string(value: Raw | UnsetType) -> str | None:
    try:
        return None if value is UNSET else _text.decode(value)
    except frames.UNREADABLE:
        return None
