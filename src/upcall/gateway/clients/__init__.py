"""The config files of clients, rewritten so that their servers run behind the gateway, and put back as they were.

::

    text ─▶ opened (_config: JSON or TOML, whose) ─▶ entries ─▶ planned (_entries: what each becomes) ─▶ new text
                                                                   │
    layers (_memory: before, after) ◀── wrap                       └─ unwound: what it was, from its own arguments

Everything between `_files` and `_memory` takes texts and gives texts. In JSON (`_jsonc`, `_json_file`) only the values
that change are spliced; in TOML tomlkit does the same, and the result is compared with what was meant.
"""

from upcall.gateway.clients._config import Config, opened
from upcall.gateway.clients._entries import Gateway, gateway_options, is_secret_name, names_upcall, unwound
from upcall.gateway.clients._files import backed_up, read, replaced
from upcall.gateway.clients._masking import MASK, masked_command
from upcall.gateway.clients._memory import Layer, forget, recall, remember
from upcall.gateway.clients._places import known_places
from upcall.gateway.clients._wrapping import Change, is_wrapped, unwrapped, wrapped

__all__ = [
    "MASK",
    "Change",
    "Config",
    "Gateway",
    "Layer",
    "backed_up",
    "forget",
    "gateway_options",
    "is_secret_name",
    "is_wrapped",
    "known_places",
    "masked_command",
    "names_upcall",
    "opened",
    "read",
    "recall",
    "remember",
    "replaced",
    "unwound",
    "unwrapped",
    "wrapped",
]
