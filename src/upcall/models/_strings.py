"""Model strings: their forms, their parts, and the nearest right one for one that is wrong."""

from __future__ import annotations

import re
from difflib import get_close_matches

from upcall.errors import ConfigurationError
from upcall.models.addresses import divided
from upcall.models.anthropic import ANTHROPIC
from upcall.models.google import GOOGLE

__all__ = ["FORMS", "parts_of"]

FORMS = {
    "local/smollm2": "the embedded model: small, offline, no key",
    "local/<path>.gguf": "a GGUF file of your own, run in this process",
    "anthropic/<name>": "a model of Anthropic's",
    "openai/<name>": "a model of OpenAI's",
    "openai/<name>@<base_url>": "any server that speaks OpenAI's Chat Completions",
    "openai-responses/<name>": "a model of OpenAI's over the Responses API",
    "openai-responses/<name>@<base_url>": "any server that speaks OpenAI's Responses API",
    "google/<name>": "a Gemini model of Google's",
    "command/<name>": "a program of yours that prints an answer",
}
"""Every form of a model string, and what stands behind it."""

_PREFIXES = ("local", "anthropic", "openai", "openai-responses", "google", "command")
_LOCAL_SERVERS = {
    "ollama": "http://localhost:11434/v1",
    "lmstudio": "http://localhost:1234/v1",
    "vllm": "http://localhost:8000/v1",
    "llamacpp": "http://localhost:8080/v1",
}


def parts_of(spec: str) -> tuple[str, str]:
    """Prefix and name.

    Raises:
        ConfigurationError: No such form; the hint lists the forms, or names the nearest right string.
    """
    prefix, slash, name = spec.strip().partition("/")
    if prefix not in _PREFIXES or not slash or not name:
        raise ConfigurationError(f"{_shown(spec)!r} is no model string.", hint=_hint(_shown(spec.strip())))
    for provider, own in ((ANTHROPIC, "anthropic"), (GOOGLE, "google")):
        if prefix == own and divided(name)[1] is not None:
            raise ConfigurationError(
                f"A model string of {provider.title}'s names no address.", hint=f"Set {provider.url_variable} instead."
            )
    return prefix, name


def _shown(spec: str) -> str:
    """``spec`` without an address, which may hold a password."""
    return re.sub(r"https?://\S*", "<address>", spec)[:80]


def _hint(spec: str) -> str:
    prefix, _, name = spec.partition("/")
    guess = None
    if prefix.lower() in _LOCAL_SERVERS:
        guess = f"openai/{name or '<name>'}@{_LOCAL_SERVERS[prefix.lower()]}"
    elif "claude" in prefix.lower():
        guess = f"anthropic/{spec}"
    elif re.match(r"gpt-|o\d|chatgpt", prefix.lower()):
        guess = f"openai/{spec}"
    elif "gemini" in prefix.lower():
        guess = f"google/{name or spec}"
    elif prefix.lower().endswith(".gguf") or prefix in ("smollm2", "", ".", "..", "~"):
        guess = f"local/{spec or 'smollm2'}"
    elif near := get_close_matches(prefix.lower(), _PREFIXES, n=1, cutoff=0.5):
        guess = f"{near[0]}/{name or '<name>'}"
    known = f"Known: {', '.join(FORMS)}."
    return f"Did you mean {guess!r}? {known}" if guess else known
