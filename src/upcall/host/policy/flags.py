"""The flags that scanning may raise, as ``scan`` in the policy names them."""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["FLAGS"]

FLAGS = MappingProxyType(
    {
        "invisible": "characters that are not shown, so that a person reads another text than the model",
        "bidi": "characters that turn the direction of the text around",
        "control": "control characters, which can act on a terminal",
        "role_override": "a prompt that tells the model to drop its rules or to be somebody else",
        "tool_instructions": "text that tells the model to call tools",
        "persistence": "text that tells the model to remember something, or to go on with it later",
        "hidden_tasks": "text that asks for more than it shows, or to keep it from the user",
        "secrets": "keys, tokens and passwords",
        "blobs": "a lot of encoded data in a text, which a person cannot read",
        "exfiltration": "text that would carry data to an address, or lay open what the model was told",
        "reply_instructions": "a reply that holds instructions for whoever reads it",
    }
)
"""Name → what it stands for, as `upcall.host.scanning` has it (its ``[kinds]``; a test keeps the two in step)."""
