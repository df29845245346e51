"""The group: how light it is, how it finds its commands, how it reports errors."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import upcall
from upcall import cli
from upcall.errors import ConfigurationError

HEAVY = {"anthropic", "asyncio", "anyio", "fastmcp", "mcp", "mcp_types", "msgspec", "openai", "pydantic", "rich"}


@pytest.fixture
def run() -> CliRunner:
    return CliRunner()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["-h"]])
def test_the_first_help_text_loads_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys, atexit\n"
        "atexit.register(lambda: print('LOADED', *sys.modules))\n"
        "from upcall.cli import main\n"
        f"main({arguments!r})"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    loaded = ended.stdout.partition("LOADED ")[2].split()
    assert "click" in loaded
    assert HEAVY.isdisjoint(loaded)


def test_help_lists_every_command_with_its_line(run: CliRunner) -> None:
    shown = run.invoke(cli.main, ["--help"]).output
    for name, (_, summary) in cli.COMMANDS.items():
        assert f"{name}  " in shown
        assert summary in shown


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_row_of_the_table_leads_to_a_command_that_explains_itself(name: str, run: CliRunner) -> None:
    ended = run.invoke(cli.main, [name, "--help"])
    assert ended.exit_code == 0
    assert f"Usage: main {name}" in ended.output
    assert f"\n  {cli.COMMANDS[name][1]}\n" in ended.output, "the table and the command's help say the same"


def test_the_version_is_the_packages(run: CliRunner) -> None:
    assert run.invoke(cli.main, ["--version"]).output == f"upcall, version {upcall.__version__}\n"


def test_an_unknown_command_is_a_usage_error(run: CliRunner) -> None:
    ended = run.invoke(cli.main, ["frobnicate"])
    assert ended.exit_code == 2
    assert "frobnicate" in ended.stderr


@click.command()
def failing() -> None:
    raise ConfigurationError("It went wrong.", hint="Try this.", detail="the whole story")


@pytest.fixture
def with_failing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cli.COMMANDS, "failing", (f"{__name__}:failing", "Fails."))


@pytest.mark.usefixtures("with_failing")
def test_an_error_says_what_happened_and_what_to_do_without_a_traceback(run: CliRunner) -> None:
    ended = run.invoke(cli.main, ["failing"])
    assert ended.exit_code == 1
    assert ended.stdout == ""
    assert ended.stderr == "Error: It went wrong.\nTry this.\n`upcall --verbose …` shows the details.\n"


@pytest.mark.usefixtures("with_failing")
def test_verbose_tells_the_whole_story(run: CliRunner) -> None:
    assert run.invoke(cli.main, ["-v", "failing"]).stderr.endswith("Try this.\n\nthe whole story\n")
