"""Where a client application runs: a home folder and a project of the test's, upcall's own commands beside it.

Nothing of the machine's user is read or written, except the embedded model's weights, which are linked to. Policy and
record lie where upcall looks for them by itself, so a wrapped entry needs no option.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
from benchmarks.envs import ROOT

from tests.cli.commands import UPCALL, Ended
from tests.conformance.npm import Programs
from tests.interop.gateway.places import SERVERS
from upcall.host.policy import user_policy_path
from upcall.models.embedded import find_weights

__all__ = ["ALLOW", "ASK", "DENY", "MODEL", "Scene"]

MODEL = "local/smollm2"
ALLOW = f'[default]\ndecision = "allow"\nmodel = "{MODEL}"\n'
ASK = f'[default]\ndecision = "ask"\nmodel = "{MODEL}"\n'
DENY = '[default]\ndecision = "deny"\n'

_SECONDS = 120
_LOOK_SECONDS = 0.2
_CACHES = "Library/Caches" if sys.platform == "darwin" else ".cache"


class Scene:
    """One test's. ``folder`` is empty at first; `env` is the whole environment of all that runs here."""

    def __init__(self, folder: Path) -> None:
        self.home, self.project, temporary = folder / "home", folder / "project", folder / "tmp"
        for each in (self.home, self.project, temporary):
            each.mkdir()
        self.env = {"HOME": str(self.home), "TMPDIR": str(temporary), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        weights = find_weights()
        if weights is not None:
            models = self.home / _CACHES / "upcall" / "models"
            models.parent.mkdir(parents=True)
            models.symlink_to(weights.parents[1])

    def policy(self, text: str) -> None:
        """Make this the user's policy."""
        path = self.home / user_policy_path({}).relative_to(Path.home())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def entry(self, programs: Programs, make: str) -> dict[str, Any]:
        """What a user writes into a client's config to start a server of this make (see `SERVERS`) on stdio."""
        command, *args = [*SERVERS[make].command(programs), "stdio"]
        return {"command": command, "args": args, "env": {"PYTHONPATH": str(ROOT)}}

    async def run(self, *command: str | Path, **env: str) -> Ended:
        """Run a program in the project, without input, to its end."""
        with anyio.fail_after(_SECONDS):
            ended = await anyio.run_process(
                list(map(str, command)), check=False, env=self.env | env, cwd=self.project, stdin=subprocess.DEVNULL
            )
        return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    async def upcall(self, *arguments: str) -> Ended:
        """Run ``upcall``."""
        return await self.run(*UPCALL, *arguments)

    async def wrap(self, config: str | Path) -> None:
        """Put the servers of a client's config behind the gateway."""
        ran = await self.upcall("wrap", "--yes", str(config))
        assert ran.code == 0, ran.err
        assert " behind the gateway." in ran.out

    async def unwrap(self, config: str | Path) -> None:
        """Put it back."""
        ran = await self.upcall("unwrap", "--yes", str(config))
        assert ran.code == 0, ran.err

    async def records(self) -> list[dict[str, Any]]:
        """What the record has, oldest first."""
        ended = await self.upcall("log", "export")
        if "Nothing is recorded yet" in ended.err:
            return []
        assert ended.code == 0, ended.err
        return [json.loads(line) for line in ended.out.splitlines()]

    async def question(self) -> str:
        """The number of a question that waits in the store, once one does."""
        with anyio.fail_after(_SECONDS):
            # What it waits for happens in another process.
            while not (waiting := json.loads((await self.upcall("pending", "--json")).out or "[]")):  # noqa: ASYNC110
                await anyio.sleep(_LOOK_SECONDS)
        return str(waiting[0]["id"])

    async def decide(self, answer: str) -> None:
        """Answer a question that waits in the store, once one does."""
        ended = await self.upcall("pending", await self.question(), answer)
        assert ended.code == 0, ended.err

    def processes(self) -> list[str]:
        """The command lines of all processes that run with this home folder."""
        mark, found = f"HOME={self.home}".encode(), []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended meanwhile, or is another user's
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found
