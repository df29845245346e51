"""upcall: MCP sampling that works with every client.

The names below are loaded when they are first used: ``import upcall`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from upcall.errors import (
        InvalidAnswer,
        InvalidRequest,
        ModelError,
        RoundsExhausted,
        SampleAbandoned,
        SampleTimedOut,
        SamplingError,
        SamplingRefused,
        SamplingUnsupported,
        TooManyParked,
        UpcallError,
    )
    from upcall.host import Host, handler
    from upcall.server import Audio, Image, Reply, Sampling, SamplingTool, rounds_left, sample

__version__ = "0.1.0"

_HOMES = {
    "upcall.errors": (
        "InvalidAnswer",
        "InvalidRequest",
        "ModelError",
        "RoundsExhausted",
        "SampleAbandoned",
        "SampleTimedOut",
        "SamplingError",
        "SamplingRefused",
        "SamplingUnsupported",
        "TooManyParked",
        "UpcallError",
    ),
    "upcall.host": ("Host", "handler"),
    "upcall.server": ("Audio", "Image", "Reply", "Sampling", "SamplingTool", "rounds_left", "sample"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Audio",
    "Host",
    "Image",
    "InvalidAnswer",
    "InvalidRequest",
    "ModelError",
    "Reply",
    "RoundsExhausted",
    "SampleAbandoned",
    "SampleTimedOut",
    "Sampling",
    "SamplingError",
    "SamplingRefused",
    "SamplingTool",
    "SamplingUnsupported",
    "TooManyParked",
    "UpcallError",
    "__version__",
    "handler",
    "rounds_left",
    "sample",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'upcall' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
