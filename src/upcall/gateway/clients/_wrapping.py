"""Wrapping a config and unwrapping it: texts in, texts out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upcall.errors import ConfigurationError
from upcall.gateway.clients._config import Config, opened
from upcall.gateway.clients._entries import Gateway, Left, planned, unwound
from upcall.gateway.clients._masking import masked
from upcall.gateway.clients._memory import Layer
from upcall.gateway.clients._merging import taken_back
from upcall.gateway.clients._toml_file import NotToml, TomlFile

__all__ = ["Change", "is_wrapped", "unwrapped", "wrapped"]


@dataclass(frozen=True, slots=True)
class Change:
    """What a config becomes.

    ``changed`` are the entries' paths. ``remarks`` are pairs of a server's name and what there is to say about it: why
    it stays, or what could not be put back exactly.
    """

    before: Config
    after: Config
    changed: tuple[tuple[str, ...], ...]
    remarks: tuple[tuple[str, str], ...]

    def texts(self, *, secrets: bool) -> tuple[str, str]:
        """The text before and after, for a diff; secrets are masked unless ``secrets``."""
        return (self.before.text, self.after.text) if secrets else (masked(self.before), masked(self.after))


def is_wrapped(entry: object) -> bool:
    """Whether this value of an entry runs behind the gateway."""
    return unwound(entry) is not None


def wrapped(
    text: str, path: Path, gateway: Gateway, *, only: Collection[str] = (), exclude: Collection[str] = ()
) -> Change:
    """The config in ``text`` with its servers behind the gateway.

    Args:
        text: The whole config.
        path: Where it is from.
        gateway: How the gateway is started.
        only: Names of servers to wrap; all of them when empty.
        exclude: Names of servers to leave alone.

    Raises:
        ConfigurationError: It cannot be read, an entry cannot be changed safely, or a name is not in it.
    """
    before = opened(text, path)
    missing = {*only, *exclude} - {entry[-1] for entry in before.entries}
    if missing:
        names = ", ".join(sorted({entry[-1] for entry in before.entries})) or "none"
        raise ConfigurationError(f"{path} has no server {sorted(missing)[0]!r}.", hint=f"Its servers: {names}.")
    config, changed, remarks = before, [], []
    for entry, value in before.entries.items():
        name = entry[-1]
        if (only and name not in only) or name in exclude:
            continue
        plan = planned(name, value, gateway)
        if isinstance(plan, Left):
            if not plan.wrapped:
                remarks.append((name, plan.reason))
            continue
        try:
            config = opened(config.wrapped(entry, plan), path)
        except NotToml as error:
            raise _unsafe(path, error) from None
        changed.append(entry)
    return Change(before, config, tuple(changed), tuple(remarks))


def unwrapped(text: str, path: Path, layers: Sequence[Layer]) -> Change:
    """The config in ``text`` with its servers as they were before.

    Args:
        text: The whole config.
        path: Where it is from.
        layers: What is remembered of it, the oldest first. An entry that is not in them, or was edited since, is
            rebuilt from its own arguments, and a remark says so.

    Raises:
        ConfigurationError: It cannot be read, or an entry cannot be changed safely.
    """
    before = opened(text, path)
    changed = tuple(entry for entry, value in before.entries.items() if is_wrapped(value))
    if not changed:
        return Change(before, before, (), ())
    for layer in reversed(layers):
        text = layer.before if text == layer.after else _by_lines(text, path, layer)
    config, remarks = opened(text, path), []
    known = [(layer, opened(layer.before, path), opened(layer.after, path)) for layer in reversed(layers)]
    try:
        for entry in changed:
            if not is_wrapped(config.entries.get(entry)):
                continue
            origin = next((pair for layer, *pair in known if entry in layer.entries), None)
            if origin is not None and origin[1].entries[entry] == config.entries[entry]:
                text = config.with_entry_of(origin[0], entry)  # type: ignore[arg-type] # the same file, the same kind
            else:
                like: Mapping[str, Any] | None = origin[0].entries[entry] if origin is not None else None
                why = (
                    "it was edited since" if origin is not None else "what it looked like before is not known any more"
                )
                remarks.append((entry[-1], f"{why}; it was rebuilt from its arguments"))
                text = config.rebuilt(entry, like)
            config = opened(text, path)
    except NotToml as error:
        raise _unsafe(path, error) from None
    return Change(before, config, changed, tuple(remarks))


def _by_lines(text: str, path: Path, layer: Layer) -> str:
    """``text`` without what ``layer`` did, where only other lines were changed since; else as it is.

    For TOML: JSON is spliced by entries, which is as exact, and finer.
    """
    now = opened(text, path)
    merged = taken_back(layer.before, layer.after, text) if isinstance(now, TomlFile) else None
    if merged is None:
        return text
    before = opened(layer.before, path).entries
    expected = {entry: before[entry] if entry in layer.entries else value for entry, value in now.entries.items()}
    try:
        return merged if opened(merged, path).entries == expected else text
    except ConfigurationError:
        return text


def _unsafe(path: Path, error: NotToml) -> ConfigurationError:
    return ConfigurationError(f"{path} was not changed. {error}", hint="Change it by hand, or exclude this server.")
