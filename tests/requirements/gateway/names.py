"""Files of tests, and sources, that rows of several subjects name."""

from __future__ import annotations

__all__ = [
    "ANSWERING",
    "COMMAND",
    "ENDPOINT",
    "FORWARDING",
    "LEGACY",
    "MIXED",
    "MODERN",
    "PURPOSE",
    "REMOTE",
    "SESSIONS",
]

ANSWERING = "gateway/test_answering.py"
COMMAND = "cli/test_gateway.py"
ENDPOINT = "gateway/mixed/test_endpoint.py"
FORWARDING = "gateway/http/test_forwarding.py"
LEGACY = "gateway/session/test_legacy.py"
MIXED = "gateway/session/test_mixed.py"
MODERN = "gateway/session/test_modern.py"
PURPOSE = "The gateway's purpose"
REMOTE = "gateway/mixed/test_remote.py"
SESSIONS = "gateway/http/test_sessions.py"
