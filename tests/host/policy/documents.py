"""Valid documents, drawn from the schema itself, and their TOML."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from upcall.host.policy.flags import FLAGS
from upcall.host.policy.origin import dotted, quoted

MODELS = ["anthropic/claude-sonnet-5", "openai/gpt-5.4-mini", "local/smollm2"]

_plain: dict[str, st.SearchStrategy[Any]] = {
    "decision": st.sampled_from(["ask", "allow", "deny"]),
    "models": st.lists(st.sampled_from(MODELS), min_size=1, unique=True),
    "sampling": st.sampled_from(["prefer-client", "gateway", "client"]),
    "protocol": st.sampled_from(["auto", "legacy"]),
    "tools": st.booleans(),
    "media": st.lists(st.sampled_from(["image", "audio", "file"]), unique=True),
    "review_reply": st.booleans(),
    "record": st.sampled_from(["full", "redacted", "hashed", "none"]),
    "redact": st.booleans(),
    "deadline": st.integers(1, 1000).map(float),
}
_limit = st.one_of(st.integers(1, 10**9), st.just("unlimited"))
LIMITS = (
    "max_tokens",
    "prompt_chars",
    "media_bytes",
    "requests_per_result",
    "concurrent",
    "rounds_per_call",
    "samples_per_call",
    "per_minute",
)

settings_tables = st.fixed_dictionaries(
    {},
    optional={
        **_plain,
        "limits": st.fixed_dictionaries({}, optional=dict.fromkeys(LIMITS, _limit)),
        "scan": st.dictionaries(st.sampled_from(sorted(FLAGS)), st.sampled_from(["note", "ask", "deny"])),
    },
)
"""What may stand in ``[default]`` or ``[server.NAME]``; without ``model``, which leans on ``models``."""


def toml(table: dict[str, Any], *, section: tuple[str, ...] = ()) -> str:
    """``table`` as TOML: a header for each table that holds values."""
    values = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = [f"[{dotted(section)}]"] if section else []
    lines += [f"{dotted((key,))} = {_written(value)}" for key, value in values.items()]
    for key, value in table.items():
        if isinstance(value, dict):
            lines.append(toml(value, section=(*section, key)))
    return "\n".join(lines) + "\n"


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return quoted(value) if isinstance(value, str) else repr(value)
