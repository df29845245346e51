"""Variables that are set here, that upcall reads, and that a client keeps from the programs it starts.

As seen of Codex 0.169.0, which hands on a short list (``HOME``, ``PATH``, the locale and the like), and of Gemini CLI
0.61.0, which withholds what looks like a secret by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from upcall.errors import ConfigurationError
from upcall.gateway.examining._findings import Finding
from upcall.gateway.examining._targets import Target
from upcall.models.catalog import variables_of

__all__ = ["withheld"]

_PLACES = {"XDG_CONFIG_HOME": ".config", "XDG_STATE_HOME": ".local/state", "XDG_CACHE_HOME": ".cache"}
"""Each with the folder in the home that it stands for when it is not set."""
_OWN = ("UPCALL_POLICY", "UPCALL_STORE")
_SECRET = re.compile(r"(?i)token|secret|passw|key|auth|cred|private|cert")


def withheld(target: Target, model: str, env: Mapping[str, str]) -> Iterator[Finding]:
    """What the client of ``target`` keeps from the gateway in front of it.

    Args:
        target: The server; of one that is not behind the gateway there is nothing to say.
        model: The model string that would answer; empty for none.
        env: The environment of the client.
    """
    if target.behind is None or target.client not in ("Codex", "Gemini CLI"):
        return
    codex = target.client == "Codex"
    keys = _keys(model)
    read = [*keys, *_OWN, *(name for name, usual in _PLACES.items() if env.get(name) != str(Path.home() / usual))]
    kept = [
        name
        for name in read
        if env.get(name) and name not in target.env and name not in target.handed and (codex or _SECRET.search(name))
    ]
    if not kept:
        return
    if codex:
        names = ", ".join(f'"{name}"' for name in kept)
        remedy = f"In its entry: env_vars = [{names}]"
    else:
        pairs = ", ".join(f'"{name}": "${name}"' for name in kept)
        remedy = f'In its entry: "env": {{ {pairs} }}'
    text = f"{target.client} does not hand {', '.join(kept)} on to the gateway, as set here."
    yield Finding("missing" if {*keys} & {*kept} else "note", "config", text, remedy)


def _keys(model: str) -> tuple[str, ...]:
    try:
        return variables_of(model) if model else ()
    except ConfigurationError:
        return ()
