"""Writes docs/cli.md from the commands' own ``--help``; with ``--check``, says whether it still fits.

python scripts/make_cli_docs.py
python scripts/make_cli_docs.py --check
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from upcall.cli import main as upcall

PAGE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
WIDTH = 100
HEAD = """\
# The command line

What `upcall --help`, and `--help` after each command, say. This page is made from it by `scripts/make_cli_docs.py`.

Results go to standard output; remarks, progress of downloads and errors go to standard error. On a terminal there is
colour, in a pipe there is none.

| exit code | |
|---|---|
| 0 | done |
| 1 | failed: for `call`, the tool answered with an error |
| 2 | used wrongly |
| 3 | an MCP server could not be started or reached, or went away |
| 4 | no answer from a model: it failed, it is not set up, or the request was refused |
| 130 | interrupted |

`upcall call --json` prints one document. What was not reached is `null`; requests, replies and results are as they are
on the wire.

```text
server         name, version, transport (stdio, http), protocol (a revision), era (legacy, modern)
tool           the tool's name
arguments      what it was called with
sampling       one object for each sampling request, in order of arrival:
                 number, request, outcome (answered, cancelled, or the label of the error), reply, model,
                 usage (inputTokens, outputTokens), seconds, adjustments (field, action, reason),
                 error (code, label, message)
notifications  {"progress": {progress, total, message}} or {"log": {level, logger, data}}, in order
result         the tool's result
error          why there is none: label, message
```

With `--list` there are `server`, `tools` and `error` instead.
"""


def sections(command: click.Command, context: click.Context) -> Iterator[str]:
    """The help of ``command`` and of those below it, each under its name."""
    depth = len(context.command_path.split()) + 1
    yield f"{'#' * depth} {context.command_path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from sections(below, context_of(below, name, context))


def context_of(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    """A context in which ``command`` writes its help at a width that does not depend on who runs this."""
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    context.terminal_width = WIDTH
    return context


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *sections(upcall, context_of(upcall, "upcall"))])


def main() -> int:
    """Write the page, or compare it; 1 when it differs."""
    made = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(made, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == made:
        return 0
    print("docs/cli.md does not say what --help says. Run `python scripts/make_cli_docs.py`.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
