"""What a server is called when nobody said: from its command, or from its address.

The policy knows servers by these names, so one command always gives the same name, wherever it is run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath, PureWindowsPath
from urllib.parse import urlsplit

__all__ = ["name_of_command", "name_of_url"]

FALLBACK = "server"

_COMMON = {
    "__init__",
    "__main__",
    "app",
    "build",
    "cli",
    "dist",
    "index",
    "main",
    "run",
    "server",
    "src",
    "start",
    "mcp",
}
"""Names of scripts and folders that say nothing; then the folder above is asked."""
_WITH_VALUE = {
    "npx": {"-p", "--package", "-c", "--call", "-w", "--workspace"},
    "pipx": {"--spec", "--python", "--pip-args", "--index-url", "-i"},
    "uv": {"--with", "--from", "--python", "-p", "--directory", "--project", "--env-file", "--extra", "--group"}
    | {"--index", "--index-url", "--with-editable", "--with-requirements", "--constraints", "-c", "--cache-dir"},
    "docker": {"-e", "--env", "--env-file", "-v", "--volume", "--mount", "--name", "--network", "--net", "-p"}
    | {"--publish", "-w", "--workdir", "-u", "--user", "--entrypoint", "-l", "--label", "--platform", "-m", "--memory"}
    | {"--cpus", "--add-host", "-h", "--hostname", "--tmpfs", "--pull", "--restart", "--runtime", "--security-opt"},
    "python": {"-W", "-X", "--check-hash-based-pycs"},
    "node": {"-r", "--require", "--import", "--loader", "--env-file", "-C", "--conditions"},
}
"""Options of each runner that take the next word."""


def name_of_command(argv: Sequence[str]) -> str:
    """The package, module, image or script that ``argv`` runs; ``npx -y @org/thing@1`` is ``thing``.

    What runs others (``npx``, ``uvx``, ``uv run``, ``python -m``, ``node``, ``docker run``, ``env``) is looked through.
    """
    return _clean(_command(list(argv)))


def name_of_url(url: str) -> str:
    """The host of ``url``."""
    try:
        return _clean(urlsplit(url).hostname or "")
    except ValueError:
        return FALLBACK


def _command(argv: list[str]) -> str:
    if not argv:
        return ""
    runner = re.sub(r"[\d.]+$", "", _stem(argv[0]).lower())
    look = _RUNNERS.get(runner)
    inner = look(argv[1:]) if look else ""
    return inner or _script(argv[0])


def _script(path: str) -> str:
    parts = [part for part in _parts(path) if part not in ("/", "\\", ".", "..")]
    for part in reversed(parts):
        stem = _stem(part)
        if stem.lower() not in _COMMON and not part.endswith(":\\"):
            return stem
    return _stem(parts[-1]) if parts else ""


def _parts(path: str) -> tuple[str, ...]:
    return (PureWindowsPath if "\\" in path else PurePosixPath)(path).parts


def _stem(path: str) -> str:
    name = _parts(path)[-1] if _parts(path) else ""
    return re.sub(r"\.(exe|cmd|bat|ps1|py|pyw|pyz|js|mjs|cjs|ts|mts|sh|jar|rb)$", "", name, flags=re.IGNORECASE)


def _words(words: list[str], runner: str) -> list[str]:
    """``words`` from the first that is neither an option nor an option's value."""
    with_value = _WITH_VALUE[runner]
    while words and words[0].startswith("-"):
        option, words = words[0], words[1:]
        if option == "--":
            break
        if option in with_value:
            words = words[1:]
    return words


def _package(words: list[str]) -> str:
    name = words[0] if words else ""
    name = name.removeprefix("npm:")
    if name.startswith(("git+", "http://", "https://", "file:")):
        name = name.split("#")[0].partition("?")[0].rstrip("/").removesuffix(".git")
    elif name.startswith(("/", "./", "../")):
        return _script(name)
    name = name.rpartition("/")[2]
    return re.split(r"[@\[=<>~!; ]", name)[0]


def _python(words: list[str]) -> str:
    for index, word in enumerate(words):
        if word == "-m":
            return re.sub(r"\.__main__$|\.server$|\.main$", "", "".join(words[index + 1 : index + 2]))
        if word == "-c":
            return ""
        if not word.startswith("-"):
            break
    rest = _words(words, "python")
    return _script(rest[0]) if rest else ""


def _node(words: list[str]) -> str:
    rest = _words(words, "node")
    return _script(rest[0]) if rest else ""


def _uv(words: list[str]) -> str:
    rest = _words(words, "uv")
    if rest[:1] == ["run"]:
        inner = _words(rest[1:], "uv")
        # A script of the project stands as a plain word, a program before its arguments.
        return _command(inner)
    if rest[:2] == ["tool", "run"]:
        return _package(_words(rest[2:], "uv"))
    return ""


def _after(verbs: Sequence[str], runner: str, inner: Callable[[list[str]], str]) -> Callable[[list[str]], str]:
    def look(words: list[str]) -> str:
        rest = _words(words, runner)
        return inner(_words(rest[1:], runner)) if rest and rest[0] in verbs else ""

    return look


def _image(words: list[str]) -> str:
    return re.split(r"[@:]", words[0].rpartition("/")[2])[0] if words else ""


def _env(words: list[str]) -> str:
    while words and (words[0].startswith("-") or "=" in words[0]):
        words = words[1:]
    return _command(words)


_RUNNERS: dict[str, Callable[[list[str]], str]] = {
    "python": _python,
    "pythonw": _python,
    "py": _python,
    "node": _node,
    "tsx": _node,
    "bun": lambda words: _after(("run", "x"), "node", _package)(words) or _node(words),
    "deno": _after(("run",), "node", lambda words: _script(words[0]) if words else ""),
    "npx": lambda words: _package(_words(words, "npx")),
    "bunx": lambda words: _package(_words(words, "npx")),
    "pnpm": _after(("dlx", "exec"), "npx", _package),
    "yarn": _after(("dlx", "exec"), "npx", _package),
    "npm": _after(("exec", "x"), "npx", _package),
    "uvx": lambda words: _package(_words(words, "uv")),
    "uv": _uv,
    "pipx": _after(("run",), "pipx", _package),
    "docker": _after(("run",), "docker", _image),
    "podman": _after(("run",), "docker", _image),
    "env": _env,
    "cmd": lambda words: _command([word for word in words if not word.startswith("/")]),
}


def _clean(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:64] or FALLBACK
