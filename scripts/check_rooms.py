"""Checks the shape of the house: who may import whom, and how long a file may be.

A room imports only from rooms above it in `ROOMS` (see docs/architecture.md). Run by `make lint`.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOMS = ("errors", "wire", "models", "store", "host", "server", "gateway", "web", "cli")
"""From the ground up. A room may import itself and those before it."""

EVERYWHERE: dict[str, tuple[str, ...]] = {"testing": ("errors", "wire", "models", "host", "server")}
"""Rooms beside the tower, and what they may import. Nothing in the tower imports them."""

SANS_IO = ("wire", "models/codecs", "host/engine", "gateway/session", "server/parking")
"""No sockets, no event loop, no SDK in these."""

FORBIDDEN_IN_SANS_IO = {"anyio", "asyncio", "anthropic", "httpx", "mcp", "mcp_types", "openai", "socket", "ssl"}
SDK_FREE = {"mcp", "mcp_types", "pydantic", "fastmcp"}
LENGTH_CAP = 750
SOURCE = Path(__file__).resolve().parent.parent / "src" / "upcall"


def imported(tree: ast.AST) -> set[str]:
    """Dotted names of all modules that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            if node.module == "upcall":
                names.update(f"upcall.{alias.name}" for alias in node.names)
    return names


def problems_of(path: Path, relative: Path) -> list[str]:
    """What is wrong with one file, as sentences."""
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    found = [f"{lines} lines; split it along a seam before {LENGTH_CAP}"] if lines > LENGTH_CAP else []
    room = relative.parts[0].removesuffix(".py")
    if room == "__init__":
        return found
    modules = imported(ast.parse(text))
    allowed = EVERYWHERE.get(room)
    if allowed is None:
        if room not in ROOMS:
            return [*found, f"{room!r} is not a room; see docs/architecture.md"]
        allowed = ROOMS[: ROOMS.index(room)]
    for module in sorted(modules):
        parts = module.split(".")
        if parts[0] == "upcall" and len(parts) > 1:
            target = parts[1]
            if target in (*ROOMS, *EVERYWHERE) and target != room and target not in allowed:
                found.append(f"imports upcall.{target}, which stands above {room!r}")
        if relative.as_posix().removesuffix(".py").startswith(SANS_IO) and parts[0] in FORBIDDEN_IN_SANS_IO:
            found.append(f"imports {parts[0]}, and this part does no I/O")
        if room in ("wire", "errors") and parts[0] in SDK_FREE:
            found.append(f"imports {parts[0]}, and {room!r} stays free of SDKs")
    return found


def main() -> int:
    """Print each problem with its file; 1 when there is any."""
    count = 0
    for path in sorted(SOURCE.rglob("*.py")):
        relative = path.relative_to(SOURCE)
        for problem in problems_of(path, relative):
            print(f"src/upcall/{relative}: {problem}")
            count += 1
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
