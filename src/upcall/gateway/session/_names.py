"""The names that a session gives: to its samples, its requests and questions, and the calls of the client."""

from __future__ import annotations

import itertools
import os

__all__ = ["Names"]


class Names:
    """Unique in every process, and not to be guessed by a peer that has not seen one.

    The server sees only names of requests, the client only names of questions, so neither can guess the other's.
    """

    def __init__(self) -> None:
        self._requests = f"upcall-{os.urandom(12).hex()}-"
        self._questions = f"upcall-{os.urandom(12).hex()}-"
        self._count = itertools.count(1).__next__

    def number(self) -> int:
        """For a sample."""
        return self._count()

    def request(self) -> str:
        """The id of a request of ours upstream."""
        return f"{self._requests}{self._count()}"

    def question(self) -> str:
        """The id of a question of ours to the client, or its key among a server's."""
        return f"{self._questions}{self._count()}"

    def call(self) -> str:
        """For a call of the client."""
        return os.urandom(12).hex()

    def is_request(self, id: object) -> bool:
        """Whether it names a request of ours."""
        return isinstance(id, str) and id.startswith(self._requests)

    def is_question(self, id: object) -> bool:
        """Whether it names a question of ours."""
        return isinstance(id, str) and id.startswith(self._questions)
