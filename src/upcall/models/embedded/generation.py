"""One generation: a request that waits for its turn, runs on the native server, and can be stopped at any token."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any, Literal

import msgspec

from upcall.errors import ModelError, ModelRejected, ModelUnavailable, UpcallError
from upcall.models.base import Usage

__all__ = ["Generation", "Job"]


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """What came out."""

    text: str
    finish: Literal["end", "stop", "length"]
    """The model ended by itself, said one of the stop texts (which is cut off), or ran into a limit."""
    usage: Usage


class Job:
    """A request on its way: waiting, running, then done; ``future`` says how it went."""

    def __init__(self, body: dict[str, Any], stop: tuple[str, ...]) -> None:
        # `timings` count tokens on every chunk, so that a generation which we stop has its usage too.
        options = {"stream": True, "return_progress": True, "timings_per_token": True}
        self._body = {**body, **options, "stream_options": {"include_usage": True}}
        self._stop = stop
        self._cancelled = threading.Event()
        self.future: Future[Generation] = Future()

    def cancel(self) -> None:
        """Skip the job when it waits, stop it when it runs, nothing when it is done."""
        self._cancelled.set()
        self.future.cancel()

    def refuse(self, error: UpcallError) -> None:
        """End a waiting job with an error."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(error)

    def run(self, server: Any) -> None:
        """Run on the native server; blocks the calling thread, which releases the GIL meanwhile."""
        if not self.future.set_running_or_notify_cancel():
            return
        reader = _Reader(self._stop, self._cancelled)
        try:
            server.handle_chat_completions(self._body, reader)
            generation = reader.finish()
        except ModelError as error:
            # Whoever keeps the error would keep, by this frame, the server and with it the loaded model.
            self.future.set_exception(error.with_traceback(None))
        except (ValueError, RuntimeError) as error:
            # How the server says that it cannot work with a body: a schema it does not know, content it does not take.
            self.future.set_exception(_rejected(str(error)))
        except Exception as error:
            self.future.set_exception(_failed(f"{type(error).__name__}: {error}"))
        else:
            self.future.set_result(generation)


class _Reader:
    """Takes the server's chunks. Native code calls it, swallows its exceptions, and stops when it returns ``True``."""

    def __init__(self, stop: tuple[str, ...], cancelled: threading.Event) -> None:
        self._stop = stop
        self._reach = max(map(len, stop), default=1) - 1
        self._cancelled = cancelled
        self._text = ""
        self._finish: Literal["end", "stop", "length"] | None = None
        self._usage = Usage(input_tokens=0, output_tokens=0)
        self._error: Exception | None = None

    def __call__(self, chunk: dict[str, Any]) -> bool:
        try:
            self._take(chunk)
        except Exception as error:
            self._error = error
        return self._error is not None or self._finish == "stop" or self._cancelled.is_set()

    def finish(self) -> Generation:
        """The generation.

        Raises:
            ModelError: The server did not serve the request, or stopped for no reason that it told.
        """
        if self._error is not None:
            raise self._error
        if self._finish is None:
            raise _failed("cancelled" if self._cancelled.is_set() else "the stream ended without a finish reason")
        return Generation(text=self._text, finish=self._finish, usage=self._usage)

    def _take(self, chunk: dict[str, Any]) -> None:
        if (error := chunk.get("error")) is not None:
            raise _error_of(error)
        if (timings := chunk.get("timings")) is not None:
            self._usage = Usage(
                input_tokens=timings["cache_n"] + timings["prompt_n"],
                output_tokens=timings["predicted_n"],
                cached_input_tokens=timings["cache_n"],
            )
        for choice in chunk.get("choices", ()):
            if (piece := choice["delta"].get("content")) and self._finish is None:
                self._add(piece)
            if (reason := choice["finish_reason"]) is not None and self._finish is None:
                self._finish = "length" if reason == "length" else "end"

    def _add(self, piece: str) -> None:
        # Looking for stop texts here and not in the server tells them from a natural end, which the server does not.
        start = max(0, len(self._text) - self._reach)
        self._text += piece
        found = [at for text in self._stop if (at := self._text.find(text, start)) >= 0]
        if found:
            self._text, self._finish = self._text[: min(found)], "stop"


def _error_of(error: dict[str, Any]) -> ModelError:
    if error.get("type") == "exceed_context_size_error":
        return ModelRejected(
            f"The prompt has {error['n_prompt_tokens']} tokens, and the model has room for {error['n_ctx']}.",
            hint="Shorten the messages, or use a model with a longer context.",
            detail=str(error.get("message", "")),
            status=400,
        )
    status, message = error.get("code"), str(error.get("message", ""))
    if isinstance(status, int) and 400 <= status < 500:
        return _rejected(message, status)
    return _failed(message, status if isinstance(status, int) else None)


def _rejected(detail: str, status: int = 400) -> ModelError:
    return ModelRejected(
        "The embedded model cannot serve this request.",
        hint="Its schemas and messages may be more than this small runtime supports; use a provider's model for it.",
        detail=detail,
        status=status,
    )


def _failed(detail: str, status: int | None = None) -> ModelError:
    return ModelUnavailable("The embedded model stopped working on this request.", detail=detail, status=status)
