"""Lanes: threads that do work on a database, each with a connection of its own.

A *job* is waiting, running or done. Waiting ones are taken in order, as many at once as the lane's batch allows, and
done in one transaction: under load the disk is waited for once per batch, not once per job. When a batch fails, it
is rolled back and its jobs are done one by one, so that each gets its own outcome. Jobs that need the lock are left to
one thread at a time: another would only wait for it, and the jobs that need none with it.

Invariants: a job's future is resolved after its transaction was committed or rolled back, never before; a job whose
caller left while it waited is not done at all; a thread lives on whatever a job raises; a thread that has had
nothing to do for a while ends and gives its connection back, and the next job starts a new one.

Time is bounded: a job that waited longer than the lane's patience fails undone, unless it is one that nobody waits
for; each attempt is bounded by the
connection's own time limits; and should one be under way longer than the lane's limit all the same, its connection
is cut when the next job comes.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from time import monotonic
from typing import Any, Generic, NamedTuple, TypeVar

from upcall.errors import StoreError
from upcall.store._connection import Backend, Connection, Transaction, Work

__all__ = ["Lane"]

T = TypeVar("T")

IDLE = 60.0
"""Seconds after which a thread without work gives its connection back."""


class _Job(Generic[T]):
    def __init__(self, work: Work[T], *, lock: bool, unhurried: bool) -> None:
        self.work = work
        self.lock = lock
        self.number = 0
        self.unhurried = unhurried
        self.future: Future[T] = Future()
        self.since = monotonic()


class Lane:
    """Does jobs on one database.

    Args:
        backend: Makes connections.
        write: Whether the connections are to write.
        threads: How many at most; they start when there is work for them.
        batch: How many jobs at most share a transaction.
        patience: Seconds that a job may wait before it is begun.
        limit: Seconds that a batch may take.
        idle: Seconds without work after which a thread ends, ``None`` for never.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        write: bool,
        threads: int = 1,
        batch: int = 1,
        patience: float,
        limit: float,
        idle: float | None = IDLE,
    ) -> None:
        self._backend = backend
        self._write = write
        self._most = threads
        self._batch = batch
        self._patience = patience
        self.limit = limit
        self._idle = idle
        self._jobs: deque[_Job[Any]] = deque()
        self._locking: deque[_Job[Any]] = deque()  # those that need the lock
        self._holder: threading.Thread | None = None  # has some of these under way
        self._number = 0
        self._changed = threading.Condition()
        self._threads: set[threading.Thread] = set()
        self._workers: set[_Worker] = set()
        self._free = 0
        self._closed = False

    def submit(self, work: Work[T], *, lock: bool = False, unhurried: bool = False) -> Future[T]:
        """Have ``work`` done; ``lock`` as in `Connection.begin`, ``unhurried`` however long it waits for its turn.

        Raises:
            StoreError: The lane is closed.
        """
        job = _Job(work, lock=lock, unhurried=unhurried)
        with self._changed:
            if self._closed:
                raise StoreError("The record is closed.")
            self._number = job.number = self._number + 1
            (self._locking if lock else self._jobs).append(job)
            for worker in self._workers:
                worker.cut_after(self.limit)
            self._changed.notify()
            if len(self._jobs) + len(self._locking) > self._free and len(self._threads) < self._most:
                self._start()
        return job.future

    def close(self, timeout: float) -> None:
        """Finish what waits, and let the connections go; what is not done in ``timeout`` seconds fails."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            threads = tuple(self._threads)
        until = monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, until - monotonic()))
        with self._changed:
            left = [*self._jobs, *self._locking]
            self._jobs.clear()
            self._locking.clear()
        for job in left:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(StoreError("The record was closed."))

    def _start(self) -> None:
        name = f"upcall-store-{'write' if self._write else 'read'}"
        thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._threads.add(thread)
        self._free += 1
        thread.start()

    def _serve(self) -> None:
        worker = _Worker(self._backend, write=self._write)
        with self._changed:
            self._workers.add(worker)
        try:
            while jobs := self._take():
                outcomes = worker.do(jobs)
                # Free before anybody hears of it: who goes on at once finds this thread, and starts no other.
                with self._changed:
                    self._free += 1
                    self._unlock()
                for outcome in outcomes:
                    outcome.tell()
                del jobs, outcomes, outcome  # a thread that waits keeps nobody's answers alive
        finally:
            with self._changed:
                self._workers.discard(worker)
                self._unlock()
            worker.let_go()

    def _take(self) -> list[_Job[Any]]:
        """The next jobs; none when the thread is to end. In that case it has been struck off already."""
        while True:
            with self._changed:
                while not self._ready():
                    if self._closed or not (self._changed.wait(self._idle) or self._jobs or self._locking):
                        self._threads.discard(threading.current_thread())
                        self._free -= 1
                        return []
                self._free -= 1
                waiting = self._next()
            # Outside of the lock: resolving a future runs its callbacks.
            jobs = [job for job in waiting if self._in_time(job)]
            if jobs:
                return jobs
            with self._changed:
                self._free += 1
                self._unlock()

    def _ready(self) -> bool:
        return bool(self._jobs or (self._locking and self._holder is None))

    def _next(self) -> list[_Job[Any]]:
        """The first so many, in order; those that need the lock only when no other thread has some."""
        jobs, locking = self._jobs, self._locking if self._holder is None else deque[_Job[Any]]()
        found: list[_Job[Any]] = []
        while len(found) < self._batch and (jobs or locking):
            plain = not locking or (jobs and jobs[0].number < locking[0].number)
            found.append((jobs if plain else locking).popleft())
        if any(job.lock for job in found):
            self._holder = threading.current_thread()
        return found

    def _unlock(self) -> None:
        if self._holder is threading.current_thread():
            self._holder = None
            self._changed.notify_all()

    def _in_time(self, job: _Job[Any]) -> bool:
        if not job.future.set_running_or_notify_cancel():
            return False
        if not job.unhurried and monotonic() - job.since > self._patience:
            detail = f"waited longer than {self._patience:g} seconds for its turn"
            job.future.set_exception(StoreError("The record is too slow at the moment.", detail=detail))
            return False
        return True


class _Worker:
    """A thread's connection, and what is done with it."""

    def __init__(self, backend: Backend, *, write: bool) -> None:
        self._backend = backend
        self._write = write
        self._connection: Connection | None = None
        self._turn = threading.Lock()  # so that nobody cuts a batch for the lateness of the one before
        self._since: float | None = None
        self._given_up = False

    def cut_after(self, limit: float) -> None:
        """Cut the connection if it has been at the same batch for longer. Called from other threads."""
        with self._turn:
            late = self._since is not None and monotonic() - self._since > limit
            connection = self._connection
            if late and connection is not None:
                self._given_up = True
                connection.cut()

    def do(self, jobs: list[_Job[Any]]) -> list[_Outcome]:
        """Do them. Their futures are to be resolved by the caller."""
        with self._turn:
            self._given_up = False
            self._since = monotonic()
        try:
            return self._perform(jobs)
        finally:
            with self._turn:
                self._since = None

    def let_go(self) -> None:
        """Close the connection; the next job opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _perform(self, jobs: list[_Job[Any]], *, again: bool = True) -> list[_Outcome]:
        stage = "connect"
        try:
            if self._connection is None:
                self._connection = self._backend.connect(write=self._write)
            stage = "begin"
            self._connection.begin(lock=any(job.lock for job in jobs))
            stage = "work"
            transaction = Transaction(self._connection)
            results = [job.work(transaction) for job in jobs]
            for work in transaction.last:
                work()
            stage = "commit"
            self._connection.commit()
        except Exception as error:
            return self._recover(jobs, stage, error, again=again)
        return [_Outcome(job.future, result) for job, result in zip(jobs, results, strict=True)]

    def _recover(self, jobs: list[_Job[Any]], stage: str, error: Exception, *, again: bool) -> list[_Outcome]:
        lost = self._connection is None or not self._connection.roll_back()
        if lost:
            self.let_go()
        unknown = lost and stage == "commit" and self._write
        if lost and stage != "connect" and not unknown and again and not self._given_up:
            # The connection had gone bad. Nothing was committed, so this is no repetition.
            return self._perform(jobs, again=False)
        if len(jobs) > 1 and stage in ("work", "commit") and not unknown and not self._given_up:
            return [outcome for job in jobs for outcome in self._perform([job], again=again)]
        told = self._backend.explain(error)
        if unknown and isinstance(told, StoreError):
            told = StoreError(told.message, hint=told.hint, detail=f"{told.detail} (during commit: outcome unknown)")
        return [_Outcome(job.future, None, _own(told, error)) for job in jobs]


class _Outcome(NamedTuple):
    """What a future is to be told."""

    future: Future[Any]
    result: Any
    error: Exception | None = None

    def tell(self) -> None:
        """Resolve the future."""
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


def _own(told: Exception, cause: Exception) -> Exception:
    """A copy for one caller: raising an error adds to its traceback."""
    if not isinstance(told, StoreError):
        return told
    mine = StoreError(told.message, hint=told.hint, detail=told.detail)
    mine.__cause__ = cause
    return mine
