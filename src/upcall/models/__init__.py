"""Models: one completion from one model, behind one small protocol.

::

    "openai/gpt-5.4-mini" ──load_model──▶ Model ──complete(SamplingRequest)──▶ Completion

The names below are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from upcall.models.base import Adjustment, Completion, Model, Usage

if TYPE_CHECKING:
    from upcall.models.anthropic import AnthropicModel
    from upcall.models.catalog import KnownModel, known_models, load_model, why_unusable
    from upcall.models.embedded import EmbeddedModel
    from upcall.models.openai import OpenAIModel

__all__ = [
    "Adjustment",
    "AnthropicModel",
    "Completion",
    "EmbeddedModel",
    "KnownModel",
    "Model",
    "OpenAIModel",
    "Usage",
    "known_models",
    "load_model",
    "why_unusable",
]

_HOMES = {
    "AnthropicModel": "anthropic",
    "EmbeddedModel": "embedded",
    "KnownModel": "catalog",
    "OpenAIModel": "openai",
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
