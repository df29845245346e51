"""Sealing: what opens, and what does not."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall.errors import ConfigurationError, InvalidRequest, LimitExceeded
from upcall.gateway.sealing import Sealer

ONE, TWO = b"1" * 32, b"2" * 16
BOUND: dict[str, Any] = {"principal": "ann", "method": "tools/call", "digest": b"d" * 32}


def refused(sealer: Sealer, state: str, *, now: float = 0.0, **changed: Any) -> str:
    with pytest.raises(InvalidRequest) as caught:
        sealer.open(state, now=now, **{**BOUND, **changed})
    assert caught.value.__suppress_context__
    return str(caught.value)


@given(st.binary(max_size=2000), st.text(), st.text(), st.binary(min_size=32, max_size=32))
def test_what_was_sealed_opens(content: bytes, principal: str, method: str, digest: bytes) -> None:
    bound: dict[str, Any] = {"principal": principal, "method": method, "digest": digest}
    state = Sealer([ONE], "s").seal(content, now=5.0, **bound)
    assert state.isascii()
    assert Sealer([ONE], "s").owns(state)
    assert Sealer([ONE], "s").open(state, now=5.0, **bound) == content


def test_no_two_states_are_alike() -> None:
    sealer = Sealer([ONE], "s")
    assert len({sealer.seal(b"same", now=0, **BOUND) for _ in range(100)}) == 100


def test_all_ways_to_fail_sound_the_same() -> None:
    sealer = Sealer([ONE], "s", lifetime=10)
    state = sealer.seal(b"content", now=0, **BOUND)
    head, _, tail = state.rpartition(".")
    texts = {
        refused(sealer, state, principal="bob"),
        refused(sealer, state, method="prompts/get"),
        refused(sealer, state, digest=b"e" * 32),
        refused(sealer, state, now=10.1),
        refused(sealer, state, now=float("nan")),
        refused(Sealer([ONE], "other"), state),
        refused(sealer, head + "."),
        refused(sealer, f"{head}.{tail[:-4]}"),
        refused(sealer, f"{head}.{tail} "),
        refused(sealer, f"{head}.é"),
        refused(sealer, f"{head}.\ud800"),
        refused(sealer, "upcall.nobody.AAAA"),
        refused(sealer, ""),
    }
    assert texts == {"Invalid or expired requestState. Start the call again."}


def test_a_part_cannot_move_from_one_binding_to_the_next() -> None:
    sealer = Sealer([ONE], "s")
    state = sealer.seal(b"", now=0, principal="ab", method="c", digest=b"d" * 32)
    refused(sealer, state, principal="a", method="bc")


def test_the_first_key_seals_and_all_open() -> None:
    old = Sealer([ONE], "s").seal(b"x", now=0, **BOUND)
    both = Sealer([TWO, ONE], "s")
    assert both.open(old, now=0, **BOUND) == b"x"
    new = both.seal(b"y", now=0, **BOUND)
    assert Sealer([TWO], "s").open(new, now=0, **BOUND) == b"y"
    assert not Sealer([ONE], "s").owns(new)


def test_content_and_keys_stay_out_of_sight() -> None:
    sealer = Sealer([ONE], "s")
    state = sealer.seal(b"secret" * 50, now=0, **BOUND)
    assert b"secret" not in base64.urlsafe_b64decode(state.rpartition(".")[2] + "==")
    assert len(state) < 200, "it is compressed"
    assert "1111" not in repr(sealer)
    assert "1111" not in state


def test_what_is_beyond_the_cap_is_neither_sealed_nor_opened() -> None:
    wide, narrow = Sealer([ONE], "s", cap=100_000), Sealer([ONE], "s", cap=1000)
    with pytest.raises(LimitExceeded):
        narrow.seal(b"x" * 1001, now=0, **BOUND)
    assert narrow.open(wide.seal(b"x" * 1000, now=0, **BOUND), now=0, **BOUND)
    refused(narrow, wide.seal(b"x" * 1001, now=0, **BOUND))
    refused(narrow, wide.seal(b"x" * 1000, now=0, **BOUND) + "A" * 100_000)


def test_a_bomb_of_somebody_with_the_key_does_not_go_off(monkeypatch: pytest.MonkeyPatch) -> None:
    sealer = Sealer([ONE], "s", cap=10_000)
    bomb = zlib.compress(b"\0" * 100_000_000, 9)
    monkeypatch.setattr(zlib, "compress", lambda *_: bomb)
    state = sealer.seal(b"", now=0, **BOUND)
    refused(sealer, state)
    monkeypatch.setattr(zlib, "compress", lambda content, _level: zlib.compressobj().compress(content))
    refused(sealer, sealer.seal(b"cut short", now=0, **BOUND))


@pytest.mark.parametrize("keys", [[], [b"short"], [ONE, b""]])
def test_a_key_too_short_is_a_fault_of_the_configuration(keys: list[bytes]) -> None:
    with pytest.raises(ConfigurationError):
        Sealer(keys, "s")
