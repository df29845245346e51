"""``imports``: how long a fresh process takes to import a package, or to print a first help text."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from benchmarks.envs import EnvironmentFailed, python_of
from benchmarks.measure import Goal, Outcome, Table, paired, spread, turns

__all__ = ["TITLE", "run"]

TITLE = "imports: fresh processes"

_BARE, _UPCALL, _CLICK, _HELP = "bare Python", "import upcall", "import click", "upcall --help"


class Start(NamedTuple):
    """One start of a process, to its end: what it took."""

    ms: float
    cpu_ms: float


class Command(NamedTuple):
    """What is started: an interpreter with code, or the script that does the same."""

    python: str
    code: str
    script: tuple[str, ...] = ()

    def start(self) -> Start:
        """Run it once."""
        arguments = list(self.script) or [self.python, "-c", self.code]
        quiet = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
        begin = perf_counter()
        child = os.posix_spawn(arguments[0], arguments, os.environ, file_actions=quiet)
        _, status, usage = os.wait4(child, 0)
        ms = (perf_counter() - begin) * 1e3
        if status:
            raise RuntimeError(f"{' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
        return Start(ms, (usage.ru_utime + usage.ru_stime) * 1e3)

    def megabytes(self) -> float:
        """The most it has in memory."""
        # Asked for from inside: what `wait4` tells of a spawned child includes this process.
        code = f"{self.code}\nprint('peak', next(l.split()[1] for l in open('/proc/self/status') if 'VmHWM' in l))"
        done = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=True)
        return int(done.stdout.split()[-1]) / 1e3


def _commands(missing: dict[str, str], say: Callable[[str], None]) -> dict[str, Command]:
    codes = {
        _BARE: "pass",
        _UPCALL: "import upcall",
        _CLICK: "import click",
        _HELP: "from upcall.cli import main; main(['--help'], standalone_mode=False)",
        "upcall: Sampling, sample": "from upcall.server import Sampling, sample",
        "mcp_types": "import mcp_types",
        "mcp 2: MCPServer, Client": "from mcp import Client; from mcp.server import MCPServer",
        "fastmcp 4: FastMCP, Client": "from fastmcp import Client, FastMCP",
    }
    found = {name: Command(sys.executable, code) for name, code in codes.items()}
    found[_HELP] = found[_HELP]._replace(script=(str(Path(sys.executable).with_name("upcall")), "--help"))
    for environment, name, code in (
        ("fastmcp3", "fastmcp 3.4: FastMCP, Client", "from fastmcp import Client, FastMCP"),
        (
            "mcp_use1",
            "mcp-use 1.7: MCPServer, MCPClient",
            "from mcp_use import MCPClient, server",
        ),
    ):
        try:
            found[name] = Command(python_of(environment, say), code)
        except EnvironmentFailed as error:
            missing[name] = str(error)
    return found


def run(quick: bool, say: Callable[[str], None]) -> Outcome:
    """Start every command in every round."""
    os.environ["MCP_USE_ANONYMIZED_TELEMETRY"] = "false"
    outcome = Outcome()
    commands = _commands(outcome.missing, say)
    light = [name for name in commands if name in (_BARE, _UPCALL, _CLICK, _HELP)]
    heavy = [name for name in commands if name not in light]
    starts: dict[str, list[Start]] = {name: [] for name in commands}
    for names, rounds in ((light, 12 if quick else 80), (heavy, 2 if quick else 10)):
        say(", ".join(names))
        for name in names:
            commands[name].start()
        for order in turns(names, rounds):
            for name in order:
                starts[name].append(commands[name].start())

    megabytes = {name: command.megabytes() for name, command in commands.items()}

    def ms(name: str) -> list[float]:
        return [start.ms for start in starts[name]]

    bare = spread(ms(_BARE)).median
    outcome.tables.append(
        Table(
            title="start to end of a process",
            columns=["", "ms", "ms over bare Python", "processor ms", "MB"],
            rows=[
                [
                    name,
                    spread(ms(name)).show(0),
                    f"{spread(ms(name)).median - bare:.0f}",
                    f"{spread([start.cpu_ms for start in taken]).median:.0f}",
                    f"{megabytes[name]:.0f}",
                ]
                for name, taken in starts.items()
            ],
        )
    )
    over = spread([own - base for own, base in zip(ms(_UPCALL), ms(_BARE), strict=True)])
    outcome.goals += [
        Goal("import upcall over bare Python", over.median, 20.0, "ms", f"quartiles {over.low:.1f}-{over.high:.1f}"),
        Goal("upcall --help / import click", paired(ms(_HELP), ms(_CLICK)).median, 3.0),
    ]
    outcome.data = {"starts": {name: [list(start) for start in taken] for name, taken in starts.items()}}
    outcome.data["megabytes"] = megabytes
    return outcome
