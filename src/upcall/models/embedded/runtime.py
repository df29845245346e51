"""One loaded weights file in this process, and the thread that runs it.

States of a `Runtime`::

    loading ──▶ serving ──last lease returned, or interpreter exit──▶ closed
       └──────────────── the file does not load ───────────────────────▲

Invariants

1. The table holds at most one runtime for a file and context size, and never a closed one: a runtime leaves the
   table, under the lock, before it starts to close. Who comes later loads anew.
2. Only the worker thread touches the native server: it makes it, feeds it one job at a time in order of arrival,
   and destroys it.
3. Each job ends exactly once: with a generation, an error, or cancelled. A cancelled job that still waits is skipped;
   one that runs is stopped at its next token (or its next 256 tokens of prompt).
4. The interpreter does not end while native code runs, which would crash it: the exit hook cancels all jobs and joins
   the workers. They are daemon threads because Python joins the others *before* it calls exit hooks.

Not for use across `os.fork` once loaded: the child has no worker. Start child processes with ``spawn``.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import queue
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from upcall.errors import ConfigurationError, UpcallError
from upcall.models.embedded.generation import Generation, Job

__all__ = ["Runtime", "lease"]

_EXIT_PATIENCE = 10.0
"""Seconds that the interpreter's exit waits for each worker."""

_lock = threading.Lock()
_table: dict[tuple[Path, int], Runtime] = {}
_alive: set[Runtime] = set()
"""Every runtime whose worker has not ended, in the table or not."""


class Runtime:
    """A loaded weights file. Get one with `lease`."""

    def __init__(self, path: Path, n_ctx: int) -> None:
        self._path = path
        self._n_ctx = n_ctx
        self._leases = 0
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._current: Job | None = None
        self._leaving = False
        self._failure: UpcallError | None = None
        self._loaded: Future[tuple[str, str]] = Future()
        self._closed: Future[None] = Future()
        for future in (self._loaded, self._closed):
            future.set_running_or_notify_cancel()  # shared by many waiters, so none of them may cancel it
        self._worker = threading.Thread(target=self._work, name=f"upcall-{path.stem}", daemon=True)
        self._worker.start()

    async def generate(self, body: dict[str, Any], *, stop: tuple[str, ...] = ()) -> Generation:
        """Run one chat completion to its end, after those that came before it.

        Cancelling the awaiting task returns at once; the generation stops within some tenths of a second.

        Args:
            body: A chat completion request as llama.cpp's server takes it.
            stop: Texts that end the generation; they are not part of the result.

        Raises:
            ConfigurationError: The weights or the runtime cannot be loaded.
            ModelError: The request was not served.
        """
        job = Job(body, stop)
        with _lock:
            if self._failure is not None:
                raise self._failure
            self._jobs.put(job)
        try:
            return await asyncio.wrap_future(job.future)
        finally:
            job.cancel()

    async def endpoint(self) -> tuple[str, str]:
        """Base URL and key of the runtime's own HTTP server, which listens on 127.0.0.1 only."""
        return await asyncio.wrap_future(self._loaded)

    def keep(self) -> None:
        """Take one more lease, to be given back with `release`."""
        with _lock:
            self._leases += 1

    def release(self) -> Future[None] | None:
        """Give a lease back. The last one closes the runtime; the future is done when its memory is free."""
        with _lock:
            self._leases -= 1
            if self._leases:
                return None
            self._leave_table()
        self._jobs.put(None)
        return self._closed

    def abort(self) -> None:
        """Stop everything and wait for the worker, for the interpreter's exit."""
        self._leaving = True
        if (current := self._current) is not None:
            current.cancel()
        self._jobs.put(None)
        self._worker.join(_EXIT_PATIENCE)

    def _leave_table(self) -> None:
        if _table.get((self._path, self._n_ctx)) is self:
            del _table[self._path, self._n_ctx]

    def _work(self) -> None:
        try:
            server, key = _load(self._path, self._n_ctx)
        except Exception as error:
            self._refuse_all(_as_upcall_error(error))
        else:
            self._loaded.set_result((server.listening_address, key))
            self._serve(server)
            del server  # frees the model
        with _lock:
            _alive.discard(self)
        self._closed.set_result(None)

    def _serve(self, server: Any) -> None:
        while (job := self._jobs.get()) is not None:
            self._current = job
            if self._leaving:
                job.cancel()
            job.run(server)
            self._current = None

    def _refuse_all(self, error: UpcallError) -> None:
        with _lock:
            self._leave_table()
            self._failure = error
        self._loaded.set_exception(error)
        with suppress(queue.Empty):
            while (job := self._jobs.get_nowait()) is not None:
                job.refuse(error)


@contextmanager
def lease(path: Path, n_ctx: int) -> Iterator[Runtime]:
    """The runtime of this file, for as long as the block runs. Starts to load it when nobody has."""
    key = (path.resolve(), n_ctx)
    with _lock:
        runtime = _table.get(key)
        if runtime is None:
            runtime = _table[key] = Runtime(*key)
            _alive.add(runtime)
        runtime._leases += 1
    try:
        yield runtime
    finally:
        runtime.release()


@atexit.register
def _abort_all() -> None:
    with _lock:
        alive = list(_alive)
    for runtime in alive:
        runtime.abort()


def _load(path: Path, n_ctx: int) -> tuple[Any, str]:
    """The native server with ``path`` loaded, and its HTTP key. Takes about a second."""
    native = _native()
    params = native.CommonParams()
    params.model.path = str(path)
    params.model_alias = {path.stem}
    # More slots gained no speed and lost determinism. Small batches let a long prompt be cancelled midway.
    params.n_ctx, params.n_parallel, params.n_batch = n_ctx, 1, 256
    params.n_predict = 256  # for HTTP requests without a limit of their own; the default is endless
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = min(4, _cpus())
    params.cache_ram_mib = 0  # the default keeps up to 8 GiB of old prompts
    params.sleep_idle_seconds = 300
    params.verbosity, params.ui = -1, False
    # Its HTTP listener cannot be turned off: keep it on this machine, behind a key nobody knows, closed to web pages.
    key = secrets.token_urlsafe(32)
    params.hostnames, params.port, params.api_keys, params.cors_origins = ["127.0.0.1"], 0, [key], ""
    params.endpoint_slots, params.endpoint_metrics = False, True
    server = native.Server(params)
    # It comes back before its loop runs, and to destroy it then would hang for ever; what answers here runs.
    server.handle_metrics()
    return server, key


def _native() -> Any:
    # On a busy machine, threads that spin while they wait cost a factor of ten. Read once, when the library loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        import xllamacpp
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "The embedded model's runtime, xllamacpp, is not installed.",
            hint="Install it with `pip install 'upcall[local]'`.",
            detail=str(error),
        ) from error
    except ImportError as error:
        openmp = "libgomp" in str(error)
        raise ConfigurationError(
            "The embedded model's runtime does not start: the system library libgomp.so.1 is missing."
            if openmp
            else "The embedded model's runtime, xllamacpp, does not start on this system.",
            hint="Install it with `apt install libgomp1` (or your system's package of GNU OpenMP)."
            if openmp
            else "Use a provider's model instead, or reinstall it with `pip install --force-reinstall xllamacpp`.",
            detail=str(error),
        ) from error
    return xllamacpp


def _cpus() -> int:
    """Processors this process may use, which in a container can be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _as_upcall_error(error: Exception) -> UpcallError:
    if isinstance(error, UpcallError):
        return error
    return ConfigurationError(
        "The embedded model could not be loaded.",
        hint="The file may be damaged or not a GGUF model: `upcall model install smollm2 --verify` repairs our own.",
        detail=f"{type(error).__name__}: {error}",
    )
