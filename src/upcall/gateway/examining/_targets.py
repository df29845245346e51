"""`Target`: one server as its client would start or reach it, from an entry of the client's config."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from upcall.errors import ConfigurationError
from upcall.gateway import clients
from upcall.gateway.naming import name_of_command, name_of_url
from upcall.gateway.settings import header_from

__all__ = ["Behind", "Target", "targets_in"]

_PROJECT_FOLDERS = (".vscode", ".cursor", ".codex", ".gemini")
_PLACEHOLDER = re.compile(r"\$\{([^{}]+)\}")
_BARE = re.compile(r"\$\{([^{}]+)\}|\$([A-Za-z_]\w*)")
"""As Gemini CLI writes them, too."""


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """How the entry starts the gateway in front of the server."""

    command: str
    """The program that is to be upcall."""
    policy: str | None = None
    model: str | None = None
    store: str | None = None
    answers: str | None = None
    protocol: str | None = None
    private: tuple[str, ...] = ()
    """Variables that the server does not get."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A server to start (``argv``) or to reach (``url``)."""

    name: str
    """The policy's name for it."""
    entry: str = ""
    """Its name in the config; empty when it is in none."""
    argv: tuple[str, ...] = ()
    url: str = ""
    headers: Mapping[str, str] = {}
    """Sent to ``url``; secrets."""
    env: Mapping[str, str] = {}
    """What it gets beside the environment of the client; secrets."""
    handed: tuple[str, ...] = ()
    """Variables of the client's environment that its entry names as its own (Codex's ``env_vars``)."""
    cwd: Path | None = None
    file: Path | None = None
    """The config it stands in."""
    client: str = ""
    """Whose config that is, as far as it shows."""
    behind: Behind | None = None
    skipped: str = ""
    """Why it is not examined; empty when it is."""
    remarks: tuple[str, ...] = ()
    """What of the entry only the client can fill in, or is not set here."""
    cannot_wrap: str = ""
    """Why `upcall wrap` leaves it as it is."""

    def __repr__(self) -> str:
        return f"Target({self.name!r})"


def targets_in(file: Path, env: Mapping[str, str]) -> list[Target]:
    """Every server of the config ``file``.

    Args:
        file: The config.
        env: The environment that the client would have.

    Raises:
        ConfigurationError: It cannot be read, or names no servers.
    """
    path, text = clients.read(file)
    config = clients.opened(text, path)
    reasons = dict(clients.wrapped(text, path, clients.Gateway(("upcall",))).remarks)
    folder = _folder(path)
    found = []
    for place, entry in config.entries.items():
        here = Path(place[1]) if place[0] == "projects" else folder
        found.append(_target(place[-1], entry, here, env, path, str(config.client), reasons.get(place[-1], "")))
    return found


def _folder(path: Path) -> Path | None:
    """The project that a config belongs to; ``None`` for one of the user."""
    if path.name == ".mcp.json":
        return path.parent
    if path.parent.name in _PROJECT_FOLDERS and path.parent.parent != Path.home():
        return path.parent.parent
    return None


def _target(
    name: str, entry: Any, folder: Path | None, env: Mapping[str, str], file: Path, client: str, left: str
) -> Target:
    base: dict[str, Any] = {"name": name, "entry": name, "file": file, "client": client, "cwd": folder}
    if not isinstance(entry, dict):
        return Target(**base, skipped="Its entry is no table of settings.")
    base["handed"] = tuple(_named(entry.get("env_vars")))
    if entry.get("disabled") is True or entry.get("enabled") is False:
        return Target(**base, skipped="It is switched off in the client.")
    remarks: list[str] = []
    filled = _Filling(env, folder or Path.cwd(), remarks, _BARE if client == "Gemini CLI" else _PLACEHOLDER)
    own = {key: filled(str(value)) for key, value in _table(entry.get("env")).items()}
    options = clients.gateway_options(entry)
    inner = clients.unwound(entry)
    if inner is not None:
        behind = _behind(str(entry["command"]), options)
        base |= {"behind": behind, "env": own}
        entry = inner
        if not options.get("--name"):
            base["name"] = _derived(inner)
        else:
            base["name"] = options["--name"][-1]
    else:
        base |= {"env": own, "cannot_wrap": left}
    if isinstance(cwd := entry.get("cwd"), str):
        base["cwd"] = (folder or Path.cwd()) / Path(filled(cwd)).expanduser()
    if "envFile" in entry:
        remarks.append("Its envFile was not read.")
    url = entry.get("url", entry.get("httpUrl"))
    if isinstance(url, str) and "command" not in entry:
        if "SSE" in left:
            return Target(**base, skipped="It speaks the old SSE transport, which the gateway does not.")
        headers = {str(key): filled(str(value)) for key, value in _headers(entry, env, remarks)}
        headers |= _from_environment(options.get("--header-env", ()), own, env, remarks)
        return Target(**base, url=filled(url), headers=headers, remarks=tuple(remarks))
    if not isinstance(entry.get("command"), str) or not entry["command"]:
        return Target(**base, skipped="Its entry has neither a command nor an address.")
    args = entry.get("args") or []
    if not isinstance(args, list) or not all(isinstance(one, str) for one in args):
        return Target(**base, skipped="Its arguments are no list of texts.")
    argv = tuple(filled(word) for word in (entry["command"], *args))
    return Target(**base, argv=argv, remarks=tuple(remarks))


def _behind(command: str, options: Mapping[str, list[str]]) -> Behind:
    last = {option: values[-1] for option, values in options.items()}
    return Behind(
        command=command,
        policy=last.get("--policy"),
        model=last.get("--model"),
        store=last.get("--store"),
        answers=last.get("--answers"),
        protocol=last.get("--protocol"),
        private=tuple(options.get("--private-env", ())),
    )


def _derived(inner: Mapping[str, Any]) -> str:
    if "command" in inner:
        return name_of_command([inner["command"], *inner.get("args", [])])
    return name_of_url(str(inner.get("url", inner.get("httpUrl", ""))))


def _headers(entry: Mapping[str, Any], env: Mapping[str, str], remarks: list[str]) -> Iterator[tuple[str, str]]:
    yield from _table(entry.get("headers")).items()
    yield from _table(entry.get("http_headers")).items()
    named = {key: str(value) for key, value in _table(entry.get("env_http_headers")).items()}
    for header, variable in named.items():
        if variable in env:
            yield header, env[variable]
        else:
            remarks.append(f"{variable}, which it names, is not set here.")
    if isinstance(token := entry.get("bearer_token_env_var"), str):
        if token in env:
            yield "Authorization", f"Bearer {env[token]}"
        else:
            remarks.append(f"{token}, which it names, is not set here.")


def _from_environment(
    variables: Any, own: Mapping[str, str], env: Mapping[str, str], remarks: list[str]
) -> dict[str, str]:
    found = {}
    for variable in variables:
        try:
            name, value = header_from(variable, {**env, **own})
        except ConfigurationError as error:
            remarks.append(error.message)
        else:
            found[name] = value
    return found


def _named(variables: Any) -> Iterator[str]:
    for each in variables if isinstance(variables, list) else ():
        yield str(each["name"] if isinstance(each, dict) and "name" in each else each)


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


class _Filling:
    """Fills in what clients fill in: ``${NAME}``, ``${NAME:-default}``, ``${env:NAME}``, folders; of one ``$NAME``."""

    def __init__(self, env: Mapping[str, str], folder: Path, remarks: list[str], placeholder: re.Pattern[str]) -> None:
        self._env, self._folder, self._remarks, self._placeholder = env, folder, remarks, placeholder

    def __call__(self, text: str) -> str:
        return self._placeholder.sub(self._value, text)

    def _value(self, found: re.Match[str]) -> str:
        said: str = next(filter(None, found.groups()))
        known = {
            "workspaceFolder": str(self._folder),
            "workspaceFolderBasename": self._folder.name,
            "userHome": str(Path.home()),
            "pathSeparator": "/",
            "/": "/",
        }
        if said in known:
            return known[said]
        name, default, value = said.removeprefix("env:").partition(":-")
        if name in self._env:
            return self._env[name]
        if default:
            return value
        remark = f"{name}, which it names, is not set here."
        if ":" in name:
            remark = f"Only the client can fill in {found[0]}."
        if remark not in self._remarks:
            self._remarks.append(remark)
        return found[0]
