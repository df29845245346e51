"""Models by their strings: which there are, what each needs, and the `Model` behind one.

Nothing here imports an SDK or reaches for a network.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from upcall.errors import ConfigurationError
from upcall.models._strings import FORMS, parts_of
from upcall.models._transport import ProviderModel
from upcall.models.addresses import divided
from upcall.models.anthropic import ANTHROPIC, AnthropicModel
from upcall.models.base import Model
from upcall.models.command import CommandModel
from upcall.models.google import GOOGLE, GoogleModel
from upcall.models.openai import OPENAI, OpenAIModel, OpenAIResponsesModel

__all__ = ["KnownModel", "known_models", "load_model", "variables_of", "why_unusable"]

Commands: TypeAlias = Mapping[str, CommandModel]
"""Programs by the name that stands after ``command/``."""

_NO_COMMANDS: Commands = MappingProxyType({})
_SOMEWHERE = "http://localhost/v1"


class KnownModel(msgspec.Struct, frozen=True, kw_only=True):
    """A row for `upcall model list`."""

    spec: str
    """The form of the model string."""
    about: str
    needs: str
    """What has to be there before it can be used; empty for nothing."""
    unusable: str | None
    """Why it cannot be used here now; ``None`` when it can."""


_NO_COMMAND = KnownModel(
    spec="command/<name>",
    about=FORMS["command/<name>"],
    needs="[command.<name>] in upcall.toml",
    unusable="None is configured.",
)


def load_model(spec: str | Model, *, commands: Commands = _NO_COMMANDS) -> Model:
    """The model behind a model string; a `Model` is given back as it is.

    Loading a model opens nothing: a missing key or extra shows at the first request, or by `why_unusable`.

    Args:
        spec: A model string, or a model.
        commands: The programs that ``command/<name>`` may name. There are no others: a model string alone never
            starts a program.

    Raises:
        ConfigurationError: No such form; the hint lists the forms, or names the nearest right string.
    """
    if not isinstance(spec, str):
        if isinstance(spec, Model):
            return spec
        raise ConfigurationError(f"{type(spec).__name__} is neither a model string nor a Model.")
    prefix, name = parts_of(spec)
    plain, base_url = divided(name)
    match prefix:
        case "local":
            from upcall.models.embedded import EmbeddedModel

            return EmbeddedModel(name)
        case "anthropic":
            return AnthropicModel(name)
        case "google":
            return GoogleModel(name)
        case "command":
            return _command(name, commands)
        case "openai-responses":
            return OpenAIResponsesModel(plain, base_url=base_url)
        case _:
            return OpenAIModel(plain, base_url=base_url)


def why_unusable(spec: str, *, commands: Commands = _NO_COMMANDS) -> str | None:
    """Why the model behind ``spec`` cannot be used here now, in one sentence; ``None`` when nothing is known to miss.

    Raises:
        ConfigurationError: As `load_model`.
    """
    prefix, name = parts_of(spec)
    if prefix == "local":
        return _local_trouble(name)
    if prefix == "command":
        return _command(name, commands).unusable
    return _provider_trouble(load_model(spec))


def variables_of(spec: str) -> tuple[str, ...]:
    """The environment variables from which the model behind ``spec`` has its key and its address: none for a model that
    runs here, a program, or a string that says the address.

    Raises:
        ConfigurationError: As `load_model`.
    """
    prefix, name = parts_of(spec)
    if prefix in ("local", "command") or divided(name)[1] is not None:
        return ()
    model = load_model(spec)
    if not isinstance(model, ProviderModel):
        return ()
    return (*model.provider.key_variables, model.provider.url_variable)


def known_models(*, commands: Commands = _NO_COMMANDS) -> list[KnownModel]:
    """Every form of a model string with what it needs, and whether that is here; each of ``commands`` for itself."""
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
                needs=f"pip install 'upcall[{provider.extra}]'" + (f", {provider.key_variable}" if needs_key else ""),
                unusable=_provider_trouble(example),
            )
            for form, provider, needs_key, example in (
                ("anthropic/<name>", ANTHROPIC, True, AnthropicModel("any")),
                ("openai/<name>", OPENAI, True, OpenAIModel("any")),
                ("openai/<name>@<base_url>", OPENAI, False, OpenAIModel("any", base_url=_SOMEWHERE)),
                ("openai-responses/<name>", OPENAI, True, OpenAIResponsesModel("any")),
                (
                    "openai-responses/<name>@<base_url>",
                    OPENAI,
                    False,
                    OpenAIResponsesModel("any", base_url=_SOMEWHERE),
                ),
                ("google/<name>", GOOGLE, True, GoogleModel("any")),
            )
        ),
        *(
            KnownModel(spec=model.name, about=FORMS["command/<name>"], needs="its program", unusable=model.unusable)
            for model in commands.values()
        ),
        *([] if commands else [_NO_COMMAND]),
    ]


def _command(name: str, commands: Commands) -> CommandModel:
    if name not in commands:
        near = get_close_matches(name, commands, n=1, cutoff=0.5)
        raise ConfigurationError(
            f"There is no command {name[:80]!r}.",
            hint=f"Did you mean 'command/{near[0]}'?" if near else f"Configure it first, as [command.{name[:80]}].",
        )
    return commands[name]


def _missing(module: str, extra: str) -> str | None:
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        # The package around it is not there either.
        found = None
    return None if found else f"The extra is missing: pip install 'upcall[{extra}]'."


def _provider_trouble(model: Model) -> str | None:
    if not isinstance(model, ProviderModel):
        return None
    trouble = _missing(model.provider.sdk, model.provider.extra)
    return f"{model.provider.key_variable} is not set." if trouble is None and model.lacks_key else trouble


def _local_trouble(name: str) -> str | None:
    from pathlib import Path

    from upcall.models.embedded import find_weights

    if trouble := _missing("xllamacpp", "local"):
        return trouble
    if name.lower().endswith(".gguf"):
        return None if Path(name).expanduser().is_file() else "There is no such file."
    return None if find_weights(name) else f"The weights are missing: upcall model install {name}."
