"""`CommandModel`: a program that reads a prompt and prints an answer, such as an assistant the user is logged in to."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

import anyio

from upcall.errors import ConfigurationError, ModelError, ModelTimedOut, ModelUnavailable, SamplingError
from upcall.models._program import Printed, printed_by
from upcall.models.base import Completion
from upcall.models.codecs import command as codec
from upcall.wire import SamplingRequest

__all__ = ["ENVIRONMENT", "CommandModel"]

ENVIRONMENT = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ"),
    *("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES"),
    *("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"),
    *("SYSTEMROOT", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERPROFILE", "APPDATA", "LOCALAPPDATA"),
)
"""Names of the environment variables that every program gets, where they are set. None of them holds a secret."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class CommandModel:
    """A program as a model. No shell is involved, and the prompt is never among its arguments.

    One process per request, in a process group of its own that is gone when the request is. It reads the prompt from
    standard input in one of the forms of `upcall.models.codecs.command`, and its standard output is the answer;
    standard error goes into the ``detail`` of an error and nowhere else. It takes text only, and uses no tools of the
    request.

    ``maxTokens`` is kept as far as that can be: the program is stopped, and its answer cut, at four bytes a token.

    Args:
        name: What stands after ``command/`` in the model string: letters, digits, ``.``, ``_`` and ``-``.
        argv: The program and its arguments. A program without a slash is looked for in ``PATH``.
        timeout: Seconds for a whole request.
        max_output_bytes: The most that the program may print, whatever the request allows.
        env_allow: Names of environment variables that it gets beside `ENVIRONMENT`.
        stdin: The form in which it reads the request.
        cwd: Where it runs; ``None`` for an empty directory, made for the request and removed after it.

    Raises:
        ConfigurationError: ``argv`` is no list of texts, ``name`` has other characters, or a limit is not positive.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        timeout: float = 120.0,
        max_output_bytes: int = 1_000_000,
        env_allow: Collection[str] = (),
        stdin: codec.Form = "text",
        cwd: str | os.PathLike[str] | None = None,
    ) -> None:
        if _NAME.fullmatch(name) is None:
            raise ConfigurationError(
                f"{name[:80]!r} is no name for a command.", hint="Use letters, digits, '.', '_', '-'."
            )
        if isinstance(argv, str) or not argv or not all(isinstance(word, str) and "\0" not in word for word in argv):
            raise ConfigurationError(
                f"The command {name!r} needs a list: the program and its arguments, each a text.",
                hint='There is no shell that would split a line. Write ["program", "--option", "value"].',
            )
        if isinstance(env_allow, str) or timeout <= 0 or max_output_bytes < 1 or stdin not in ("text", "json"):
            raise ConfigurationError(
                f"The command {name!r} has a setting that cannot be.",
                hint="Limits are above 0, env_allow is a list of names, stdin is 'text' or 'json'.",
            )
        self._name = name
        self._argv = tuple(argv)
        self._timeout = timeout
        self._max_output_bytes = max_output_bytes
        self._env_allow = frozenset((*ENVIRONMENT, *env_allow))
        self._form: codec.Form = stdin
        self._cwd = cwd

    @property
    def name(self) -> str:
        """``command/<name>``."""
        return f"command/{self._name}"

    def __repr__(self) -> str:
        return f"CommandModel({self.name!r})"

    @property
    def unusable(self) -> str | None:
        """Why it cannot be used here now; ``None`` when its program is there."""
        return None if self._program() else f"There is no program {self._argv[0]!r}."

    async def complete(self, request: SamplingRequest) -> Completion:
        """Complete ``request`` with one run of the program.

        Raises:
            ConfigurationError: There is no such program, or it cannot be started.
            InvalidRequest: The request breaks a rule of the protocol.
            UnsupportedContent: Tools, or anything but text.
            InvalidAnswer: The program printed nothing.
            ModelTimedOut: It did not end in time.
            ModelUnavailable: It ended with an exit code other than 0.
            ModelError: It printed more than ``max_output_bytes``.
        """
        encoded = codec.encode(request, model=self.name, form=self._form)
        text = codec.written(encoded, self._form)
        # One byte more, so that a text of just this length and the end of its line are not too long.
        enough = request.max_tokens * codec.BYTES_PER_TOKEN + 1
        try:
            printed = await self._run(text, min(enough, self._max_output_bytes))
            stopped = printed.code is None
            if stopped and enough > self._max_output_bytes:
                raise ModelError(
                    f"{self.name} printed more than {self._max_output_bytes} bytes and was stopped.",
                    detail=_said(printed),
                )
            if printed.code:
                raise ModelUnavailable(f"{self.name} failed (exit code {printed.code}).", detail=_said(printed))
            return codec.decode(printed.output, request, encoded, stopped=stopped)
        except SamplingError as error:
            error.attempts = 1
            raise

    async def aclose(self) -> None:
        """Nothing is held between requests."""

    async def _run(self, text: bytes, limit: int) -> Printed:
        program = self._program()
        if program is None:
            raise ConfigurationError(
                f"The program of {self.name} is not there.",
                hint="Install it, or name it with its path.",
                detail=f"no {self._argv[0]!r} in PATH",
            )
        argv = (program, *self._argv[1:])
        try:
            with anyio.fail_after(self._timeout):
                if self._cwd is not None:
                    return await printed_by(argv, text=text, env=self._env(), cwd=os.fspath(self._cwd), limit=limit)
                async with anyio.TemporaryDirectory(prefix="upcall-") as empty:
                    return await printed_by(argv, text=text, env=self._env(), cwd=empty, limit=limit)
        except TimeoutError:
            raise ModelTimedOut(f"{self.name} did not answer within {self._timeout:g} seconds.") from None
        except OSError as error:
            raise ConfigurationError(f"The program of {self.name} cannot be started.", detail=str(error)) from None

    def _program(self) -> str | None:
        """The program's absolute path, since it runs somewhere else; ``None`` where there is none."""
        found = shutil.which(self._argv[0])
        return found and str(Path(found).absolute())

    def _env(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name in self._env_allow}


def _said(printed: Printed) -> str:
    return printed.errors.decode("utf-8", "replace")
