"""Model strings: which there are, what each needs, and the `Model` behind one.

Nothing here imports an SDK or reaches for a network.
"""

from __future__ import annotations

import importlib.util
import re
from difflib import get_close_matches

import msgspec

from upcall.errors import ConfigurationError
from upcall.models._endpoint import Provider
from upcall.models.anthropic import ANTHROPIC, AnthropicModel
from upcall.models.base import Model
from upcall.models.openai import OPENAI, OpenAIModel

__all__ = ["KnownModel", "known_models", "load_model", "why_unusable"]

FORMS = {
    "local/smollm2": "the embedded model: small, offline, no key",
    "local/<path>.gguf": "a GGUF file of your own, run in this process",
    "anthropic/<name>": "a model of Anthropic's",
    "openai/<name>": "a model of OpenAI's",
    "openai/<name>@<base_url>": "any server that speaks OpenAI's Chat Completions",
}
"""Every form of a model string, and what stands behind it."""

_PREFIXES = ("local", "anthropic", "openai")
_AT_URL = re.compile(r"@(?=https?://)", re.IGNORECASE)
_LOCAL_SERVERS = {
    "ollama": "http://localhost:11434/v1",
    "lmstudio": "http://localhost:1234/v1",
    "vllm": "http://localhost:8000/v1",
    "llamacpp": "http://localhost:8080/v1",
}


class KnownModel(msgspec.Struct, frozen=True, kw_only=True):
    """A row for `upcall model list`."""

    spec: str
    """The form of the model string."""
    about: str
    needs: str
    """What has to be there before it can be used; empty for nothing."""
    unusable: str | None
    """Why it cannot be used here now; ``None`` when it can."""


def load_model(spec: str | Model) -> Model:
    """The model behind a model string; a `Model` is given back as it is.

    Loading a model opens nothing: a missing key or extra shows at the first request, or by `why_unusable`.

    Raises:
        ConfigurationError: No such form; the hint lists the forms, or names the nearest right string.
    """
    if not isinstance(spec, str):
        if isinstance(spec, Model):
            return spec
        raise ConfigurationError(f"{type(spec).__name__} is neither a model string nor a Model.")
    prefix, name = _parse(spec)
    if prefix == "local":
        from upcall.models.embedded import EmbeddedModel

        return EmbeddedModel(name)
    if prefix == "anthropic":
        return AnthropicModel(name)
    plain, _, base_url = _divided(name)
    return OpenAIModel(plain, base_url=base_url or None)


def why_unusable(spec: str) -> str | None:
    """Why the model behind ``spec`` cannot be used here now, in one sentence; ``None`` when nothing is known to miss.

    Raises:
        ConfigurationError: As `load_model`.
    """
    prefix, name = _parse(spec)
    if prefix == "local":
        return _local_trouble(name)
    provider = ANTHROPIC if prefix == "anthropic" else OPENAI
    return _provider_trouble(provider, load_model(spec))


def known_models() -> list[KnownModel]:
    """Every form of a model string with what it needs, and whether that is here."""
    return [
        KnownModel(
            spec="local/smollm2",
            about=FORMS["local/smollm2"],
            needs="pip install 'upcall[local]', then upcall model install smollm2",
            unusable=_local_trouble("smollm2"),
        ),
        KnownModel(
            spec="local/<path>.gguf",
            about=FORMS["local/<path>.gguf"],
            needs="pip install 'upcall[local]'",
            unusable=_missing("xllamacpp", "local"),
        ),
        *(
            KnownModel(
                spec=form,
                about=FORMS[form],
                needs=f"pip install 'upcall[{provider.sdk}]'" + (f", {provider.key_variable}" if needs_key else ""),
                unusable=_provider_trouble(provider, example),
            )
            for form, provider, needs_key, example in (
                ("anthropic/<name>", ANTHROPIC, True, AnthropicModel("any")),
                ("openai/<name>", OPENAI, True, OpenAIModel("any")),
                ("openai/<name>@<base_url>", OPENAI, False, OpenAIModel("any", base_url="http://localhost/v1")),
            )
        ),
    ]


def _parse(spec: str) -> tuple[str, str]:
    prefix, slash, name = spec.strip().partition("/")
    if prefix not in _PREFIXES or not slash or not name:
        raise ConfigurationError(f"{_shown(spec)!r} is no model string.", hint=_hint(_shown(spec.strip())))
    if prefix == "anthropic" and _AT_URL.search(name):
        raise ConfigurationError(
            "A model string of Anthropic's names no address.", hint=f"Set {ANTHROPIC.url_variable} instead."
        )
    return prefix, name


def _divided(name: str) -> tuple[str, str, str]:
    found = _AT_URL.search(name)
    return (name[: found.start()], "@", name[found.end() :]) if found else (name, "", "")


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
    elif prefix.lower().endswith(".gguf") or prefix in ("smollm2", "", ".", "..", "~"):
        guess = f"local/{spec or 'smollm2'}"
    elif near := get_close_matches(prefix.lower(), _PREFIXES, n=1, cutoff=0.5):
        guess = f"{near[0]}/{name or '<name>'}"
    known = f"Known: {', '.join(FORMS)}."
    return f"Did you mean {guess!r}? {known}" if guess else known


def _missing(module: str, extra: str) -> str | None:
    return None if importlib.util.find_spec(module) else f"The extra is missing: pip install 'upcall[{extra}]'."


def _provider_trouble(provider: Provider, model: Model) -> str | None:
    trouble = _missing(provider.sdk, provider.sdk)
    if trouble is None and isinstance(model, AnthropicModel | OpenAIModel) and model.lacks_key:
        return f"{provider.key_variable} is not set."
    return trouble


def _local_trouble(name: str) -> str | None:
    from pathlib import Path

    from upcall.models.embedded import find_weights

    if trouble := _missing("xllamacpp", "local"):
        return trouble
    if name.lower().endswith(".gguf"):
        return None if Path(name).expanduser().is_file() else "There is no such file."
    return None if find_weights(name) else f"The weights are missing: upcall model install {name}."
