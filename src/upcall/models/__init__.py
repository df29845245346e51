"""Models: one completion from one model, behind one small protocol.

::

    "openai/gpt-5.4-mini" ──load_model──▶ Model ──complete(SamplingRequest)──▶ Completion

The names below are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from upcall.models.base import Adjustment, Completion, Model, Usage

if TYPE_CHECKING:
    from upcall.models.alternates import Alternates
    from upcall.models.anthropic import AnthropicModel
    from upcall.models.catalog import KnownModel, known_models, load_model, why_unusable
    from upcall.models.command import CommandModel
    from upcall.models.embedded import EmbeddedModel
    from upcall.models.google import GoogleModel
    from upcall.models.openai import OpenAIModel, OpenAIResponsesModel
    from upcall.models.retrying import Retrying

__all__ = [
    "Adjustment",
    "Alternates",
    "AnthropicModel",
    "CommandModel",
    "Completion",
    "EmbeddedModel",
    "GoogleModel",
    "KnownModel",
    "Model",
    "OpenAIModel",
    "OpenAIResponsesModel",
    "Retrying",
    "Usage",
    "known_models",
    "load_model",
    "why_unusable",
]

_HOMES = {
    "Alternates": "alternates",
    "AnthropicModel": "anthropic",
    "CommandModel": "command",
    "EmbeddedModel": "embedded",
    "GoogleModel": "google",
    "KnownModel": "catalog",
    "OpenAIModel": "openai",
    "OpenAIResponsesModel": "openai",
    "Retrying": "retrying",
    "known_models": "catalog",
    "load_model": "catalog",
    "why_unusable": "catalog",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
