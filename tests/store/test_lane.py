"""Lanes: batches that fail one by one, jobs that nobody waits for, threads that come and go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from sqlite3 import OperationalError
from time import monotonic
from typing import Any

import pytest

from upcall.errors import StoreError
from upcall.store._connection import Session
from upcall.store._lane import Lane
from upcall.store._sqlite import SqliteBackend, SqliteConnection

_Make = Callable[..., Lane]


class _Counting(SqliteBackend):
    """Counts connections and commits, and can lose connections."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, timeout=5, patience=5)
        self.connections = 0
        self.commits = 0
        self.lost = 0
        """Commits, from now on, in which the connection is lost."""

    def connect(self, *, write: bool) -> SqliteConnection:
        self.connections += 1
        connection = super().connect(write=write)
        commit = connection.commit

        def counted() -> None:
            self.commits += 1
            if self.lost:
                self.lost -= 1
                connection.roll_back = lambda: False  # type: ignore[method-assign]
                raise OperationalError("gone")
            commit()

        connection.commit = counted  # type: ignore[method-assign]
        return connection


@pytest.fixture
def backend(sqlite_file: Path) -> _Counting:
    return _Counting(sqlite_file)


@pytest.fixture
def make(backend: _Counting) -> Iterator[_Make]:
    """Makes lanes that are closed in the end."""
    lanes: list[Lane] = []

    def one(**options: Any) -> Lane:
        lanes.append(Lane(backend, **{"write": True, "patience": 5.0, "limit": 10.0, **options}))
        return lanes[-1]

    yield one
    for lane in lanes:
        lane.close(5)


class _Blocked:
    """Occupies a lane's thread until it is let go."""

    def __init__(self, lane: Lane, *, lock: bool = False) -> None:
        self._running, self._go = threading.Event(), threading.Event()
        self.future = lane.submit(self._work, lock=lock)
        assert self._running.wait(5)

    def _work(self, session: Session) -> None:
        self._running.set()
        assert self._go.wait(10)

    def let_go(self) -> None:
        self._go.set()
        self.future.result(5)


def _remember(key: str) -> Callable[[Session], int]:
    return lambda session: session.run("INSERT INTO consents VALUES (?, 'allow', 'ann', NULL, '')", (key,))


def _keys(session: Session) -> list[str]:
    return [row[0] for row in session.rows("SELECT key FROM consents ORDER BY key")]


def _result(future: Future[Any]) -> Any:
    return future.result(timeout=5)


def test_what_waits_shares_a_transaction(make: _Make, backend: _Counting) -> None:
    lane = make(batch=100)
    blocked = _Blocked(lane)
    futures = [lane.submit(_remember(f"{number:02}")) for number in range(20)]
    before = backend.commits
    blocked.let_go()
    assert [_result(future) for future in futures] == [1] * 20
    assert backend.commits == before + 2  # the blocking one's, and theirs


def test_no_more_than_a_batch_shares_one(make: _Make, backend: _Counting) -> None:
    lane = make(batch=4)
    blocked = _Blocked(lane)
    futures = [lane.submit(_remember(f"{number:02}")) for number in range(10)]
    before = backend.commits
    blocked.let_go()
    assert [_result(future) for future in futures] == [1] * 10
    assert backend.commits == before + 1 + 3


def test_those_that_need_the_lock_wait_for_each_other_and_keep_no_other_waiting(make: _Make) -> None:
    lane = make(threads=2, batch=100, write=False)
    holding = _Blocked(lane, lock=True)
    locking = [lane.submit(_keys, lock=True) for _ in range(3)]
    assert [_result(lane.submit(_keys)) for _ in range(3)] == [[]] * 3
    assert not any(future.done() for future in locking)
    holding.let_go()
    assert [_result(future) for future in locking] == [[]] * 3


def test_with_and_without_the_lock_they_are_taken_in_order(make: _Make) -> None:
    lane, done = make(batch=3), list[int]()
    blocked = _Blocked(lane)
    futures = [
        lane.submit(lambda _, number=number: done.append(number), lock=number % 3 == 1)  # type: ignore[misc]
        for number in range(20)
    ]
    blocked.let_go()
    for future in futures:
        _result(future)
    assert done == list(range(20))


def test_one_that_needed_the_lock_and_left_keeps_it_from_nobody(make: _Make) -> None:
    lane = make(threads=2, batch=100, write=False)
    first, second = _Blocked(lane), _Blocked(lane)
    gone = lane.submit(_keys, lock=True)
    assert gone.cancel()
    first.let_go()
    assert _result(lane.submit(_keys, lock=True)) == []
    second.let_go()
    assert _result(lane.submit(_keys, lock=True)) == []


def test_closing_finishes_those_that_wait_for_the_lock(make: _Make) -> None:
    lane = make(threads=2, batch=2, write=False)
    holding = _Blocked(lane, lock=True)
    locking = [lane.submit(_keys, lock=True) for _ in range(5)]
    closing = threading.Thread(target=lane.close, args=(10,))
    closing.start()
    holding.let_go()
    assert [_result(future) for future in locking] == [[]] * 5
    closing.join(5)
    assert not closing.is_alive()


def test_one_that_fails_does_not_take_its_neighbours_along(make: _Make) -> None:
    lane = make(batch=100)
    blocked = _Blocked(lane)

    def bug(session: Session) -> None:
        _remember("half")(session)
        raise LookupError("a bug")

    first, failing, doubled, last = (
        lane.submit(_remember("a")), lane.submit(bug), lane.submit(_remember("a")), lane.submit(_remember("b"))
    )  # fmt: skip
    blocked.let_go()
    assert (_result(first), _result(last)) == (1, 1)
    with pytest.raises(LookupError, match="a bug"):
        _result(failing)
    with pytest.raises(StoreError, match=r"^The record failed\.$") as caught:
        _result(doubled)
    assert "UNIQUE" in caught.value.detail
    assert _result(lane.submit(_keys)) == ["a", "b"]


def test_each_caller_gets_an_error_of_its_own(make: _Make, sqlite_file: Path) -> None:
    lane = make(batch=100)
    sqlite_file.mkdir(parents=True)
    blocker = threading.Event()
    futures = [lane.submit(_keys) for _ in range(3)]
    blocker.set()
    errors = [future.exception(5) for future in futures]
    assert all(isinstance(error, StoreError) for error in errors)
    assert len({id(error) for error in errors}) == 3


def test_a_job_that_was_cancelled_while_it_waited_is_not_done(make: _Make) -> None:
    lane = make(batch=100)
    blocked = _Blocked(lane)
    dropped, kept = lane.submit(_remember("dropped")), lane.submit(_remember("kept"))
    assert dropped.cancel()
    blocked.let_go()
    assert _result(kept) == 1
    assert _result(lane.submit(_keys)) == ["kept"]


def test_a_job_that_waited_too_long_fails_undone_unless_nobody_waits_for_it(make: _Make) -> None:
    lane = make(batch=100, patience=0.05)
    blocked = _Blocked(lane)
    late = lane.submit(_remember("late"))
    owed = lane.submit(_remember("owed"), unhurried=True)
    until = monotonic() + 0.1
    while monotonic() < until:
        threading.Event().wait(0.01)
    blocked.let_go()
    with pytest.raises(StoreError, match="too slow"):
        _result(late)
    assert _result(owed) == 1
    assert _result(lane.submit(_keys)) == ["owed"]


def test_threads_start_when_there_is_work_for_them_and_no_more_than_allowed(make: _Make, backend: _Counting) -> None:
    lane = make(write=False, threads=2)
    assert backend.connections == 0
    first = _Blocked(lane)
    assert backend.connections == 1
    second = _Blocked(lane)
    third = lane.submit(_keys)
    assert backend.connections == 2
    assert not third.done()
    first.let_go()
    assert _result(third) == []
    second.let_go()


def test_a_thread_without_work_gives_its_connection_back_and_the_next_job_gets_another(
    make: _Make, backend: _Counting
) -> None:
    lane = make(idle=0.05)
    before = threading.active_count()
    _result(lane.submit(_keys))
    until = monotonic() + 5
    while threading.active_count() > before and monotonic() < until:
        threading.Event().wait(0.01)
    assert threading.active_count() == before
    assert _result(lane.submit(_keys)) == []
    assert backend.connections == 2


def test_closing_finishes_what_waits_and_takes_no_more(make: _Make) -> None:
    lane = make()
    blocked = _Blocked(lane)
    waiting = lane.submit(_remember("kept"))
    closing = threading.Thread(target=lane.close, args=(5,))
    closing.start()
    blocked.let_go()
    closing.join(5)
    assert _result(waiting) == 1
    with pytest.raises(StoreError, match="closed"):
        lane.submit(_keys)


def test_closing_does_not_wait_for_ever(make: _Make) -> None:
    lane = make()
    blocked = _Blocked(lane)
    waiting = lane.submit(_remember("never"))
    lane.close(0.05)
    with pytest.raises(StoreError, match="was closed"):
        _result(waiting)
    blocked.let_go()


def test_reading_connections_cannot_write(make: _Make) -> None:
    lane = make(write=False)
    with pytest.raises(StoreError, match="cannot be written"):
        _result(lane.submit(_remember("a")))


def test_what_was_lost_at_its_end_is_read_again_but_not_written_again(make: _Make, backend: _Counting) -> None:
    done: list[Session] = []
    for write in (True, False):
        lane = make(write=write)
        lane.submit(lambda session: None).result(5)
        done.clear()
        backend.lost = 1
        future = lane.submit(lambda session: done.append(session))
        if write:
            with pytest.raises(StoreError) as caught:
                future.result(5)
            assert "outcome unknown" in str(caught.value.detail)
        else:
            future.result(5)
        assert len(done) == (1 if write else 2)
        assert not backend.lost


def test_what_is_lost_again_and_again_is_an_error(make: _Make, backend: _Counting) -> None:
    lane = make(write=False)
    backend.lost = 100
    with pytest.raises(StoreError):
        lane.submit(lambda session: None).result(5)
    assert backend.lost == 98


def test_a_job_without_end_is_cut_when_the_next_one_comes(make: _Make, backend: _Counting) -> None:
    lane = make(limit=0.05)
    running = threading.Event()

    def endless(session: Session) -> None:
        running.set()
        session.rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")

    future = lane.submit(endless)
    assert running.wait(5)
    threading.Event().wait(0.1)
    assert not future.done()
    assert _result(lane.submit(_remember("next"))) == 1
    with pytest.raises(StoreError, match="took too long"):
        _result(future)
    assert backend.connections == 1
