"""Second looks at what a pattern has found. All of them look at a bounded part of it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeAlias

__all__ = ["CHECKS", "Check", "entropy"]

Check: TypeAlias = Callable[[str], bool]
"""Whether what a pattern has found really is one."""

_LOOKED_AT = 256
_BLOB = 1_000
_PLACEHOLDER = re.compile(
    r"example|placeholder|change.?me|dummy|your[-_.]|my[-_.]?(?:key|token|secret|password)|redacted|x{4}|\*{3}|\.{3}|0{8}"
    r"|(?:abcdef|012345|123456)(?:[^a-z0-9]|$)|<|>|\$[{(]|insert|todo",
    re.IGNORECASE,
)
_COMMON_PASSWORDS = frozenset({"password", "passwd", "pass", "pwd", "secret", "user", "token", "pw", "hunter2"})
_CLASSES = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))


def entropy(text: str) -> float:
    """Bits per character, by how often each one occurs in the first 256."""
    seen = text[:_LOOKED_AT]
    return -sum(n / len(seen) * math.log2(n / len(seen)) for n in Counter(seen).values()) if seen else 0.0


def _is_random(text: str) -> bool:
    """Whether ``text`` can be a generated key: several kinds of characters, well mixed, and no placeholder."""
    seen = text[:_LOOKED_AT]
    return entropy(seen) >= 3.0 and _kinds(seen) >= 2 and not _PLACEHOLDER.search(seen)


def _is_random_word(text: str) -> bool:
    """Whether ``text`` can be a secret that stands where anything could: mixed even better, digits among letters."""
    seen = text[:_LOOKED_AT]
    return _is_random(seen) and entropy(seen) >= 3.2 and bool(re.search("[0-9]", seen) and re.search("[A-Za-z]", seen))


def _is_password(text: str) -> bool:
    """Whether ``text``, in a password's place, is one and no placeholder for one."""
    return (
        text.lower() not in _COMMON_PASSWORDS
        and text[0] not in "${%<*"
        and not _PLACEHOLDER.search(text[:_LOOKED_AT])
        and len(set(text)) > 1
    )


def _is_blob(text: str) -> bool:
    """Whether ``text``, of base64's alphabet, is a lot of encoded data and no long word, path or row of digits."""
    seen = text[:_LOOKED_AT]
    return len(text) >= _BLOB and _kinds(seen) == 3 and entropy(seen) >= 4.0


def _kinds(text: str) -> int:
    return sum(bool(kind.search(text)) for kind in _CLASSES)


CHECKS: Mapping[str, Check] = {
    "random": _is_random,
    "random word": _is_random_word,
    "password": _is_password,
    "blob": _is_blob,
}
"""By their names in ``rules.toml``."""
