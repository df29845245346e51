"""Reading the native server's chunks; the server itself is in test_model.py."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from upcall.errors import ModelError, ModelRejected, ModelUnavailable
from upcall.models.embedded.generation import Generation, Job


class _Scripted:
    """Plays the native server: gives the chunks one by one until the callback says stop."""

    def __init__(self, *chunks: dict[str, Any]) -> None:
        self.chunks = chunks
        self.given = 0

    def handle_chat_completions(self, body: dict[str, Any], callback: Any) -> None:
        assert body["stream"] is True
        for chunk in self.chunks:
            self.given += 1
            if callback(chunk):
                return


def _chunk(text: str | None = None, finish: str | None = None, *, out: int = 0) -> dict[str, Any]:
    timings = {"cache_n": 3, "prompt_n": 7, "predicted_n": out}
    return {"choices": [{"delta": {"content": text}, "finish_reason": finish}], "timings": timings}


def _run(server: Any, *stop: str) -> Generation:
    job = Job({"messages": []}, stop)
    job.run(server)
    return job.future.result(0)


def test_text_is_joined_and_usage_is_the_last_count() -> None:
    generation = _run(_Scripted(_chunk("a", out=1), _chunk("b", out=2), _chunk(None, "stop", out=2)))
    assert (generation.text, generation.finish) == ("ab", "end")
    assert generation.usage.input_tokens == 10
    assert generation.usage.cached_input_tokens == 3
    assert generation.usage.output_tokens == 2


def test_a_limit_is_told_from_an_end() -> None:
    assert _run(_Scripted(_chunk("a"), _chunk(None, "length"))).finish == "length"


@pytest.mark.parametrize(
    ("pieces", "stop", "left"),
    [
        (["one ", "two"], ["two"], "one "),
        (["one t", "w", "o three"], ["two"], "one "),
        (["abcabd"], ["abd"], "abc"),
        (["ab", "ab", "c"], ["abc"], "ab"),
        (["x END y"], ["y", "END"], "x "),
        (["stop"], ["stop"], ""),
    ],
)
def test_a_stop_text_is_cut_off_wherever_the_tokens_split_it(pieces: list[str], stop: list[str], left: str) -> None:
    server = _Scripted(*map(_chunk, pieces), _chunk("never read"), _chunk(None, "stop"))
    generation = _run(server, *stop)
    assert (generation.text, generation.finish) == (left, "stop")
    assert server.given == len(pieces)


def test_half_a_stop_text_at_the_end_stays() -> None:
    assert _run(_Scripted(_chunk("one tw"), _chunk(None, "stop")), "two").text == "one tw"


def test_too_long_a_prompt_says_how_long_it_may_be() -> None:
    error = {"code": 400, "type": "exceed_context_size_error", "message": "…", "n_prompt_tokens": 9031, "n_ctx": 4096}
    with pytest.raises(ModelRejected, match=r"9031 tokens.*4096"):
        _run(_Scripted({"error": error}))


@pytest.mark.parametrize(
    ("chunk", "kind"),
    [
        ({"error": {"code": 400, "message": "no"}}, ModelRejected),
        ({"error": {"code": 500, "message": "broken"}}, ModelUnavailable),
        ({"choices": [{}]}, ModelUnavailable),
        (_chunk("and then silence"), ModelUnavailable),
    ],
)
def test_every_failure_is_a_model_error(chunk: dict[str, Any], kind: type[ModelError]) -> None:
    with pytest.raises(kind) as caught:
        _run(_Scripted(chunk))
    assert caught.value.detail


def test_an_exception_of_the_server_is_a_rejection_with_its_words_as_detail() -> None:
    class Refusing:
        def handle_chat_completions(self, body: dict[str, Any], callback: Any) -> None:
            raise ValueError("JSON schema error: unrecognized type banana")

    with pytest.raises(ModelRejected) as caught:
        _run(Refusing())
    assert "banana" in caught.value.detail
    assert "banana" not in str(caught.value)


def test_a_job_cancelled_while_it_waits_never_runs() -> None:
    server = _Scripted(_chunk("a"), _chunk(None, "stop"))
    job = Job({}, ())
    job.cancel()
    job.run(server)
    assert server.given == 0
    assert job.future.cancelled()


def test_a_running_job_stops_at_the_next_chunk_after_it_was_cancelled() -> None:
    started, go_on = threading.Event(), threading.Event()

    class Endless:
        def handle_chat_completions(self, body: dict[str, Any], callback: Any) -> None:
            callback(_chunk("a"))
            started.set()
            assert go_on.wait(10)
            assert callback(_chunk("b")) is True

    job = Job({}, ())
    thread = threading.Thread(target=job.run, args=(Endless(),))
    thread.start()
    assert started.wait(10)
    job.cancel()
    go_on.set()
    thread.join(10)
    assert isinstance(job.future.exception(0), ModelUnavailable)
