"""A fuzzer's process: ``python -m tests.fuzz.session [libFuzzer options]``. It ends with an error at a finding."""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]

with atheris.instrument_imports(include=["upcall.gateway", "tests.gateway"]):
    from tests.gateway.session.chaos import Chaos
    from tests.gateway.session.talk import Talk, call, initialize, meta
    from upcall.gateway import frames


def raw(data: bytes) -> None:
    """The input as a frame of either peer, on connections of both eras."""
    frames.peek(data)
    frames.changed(data, {"id": b"1"})
    frames.compact(data)
    talk = Talk()
    talk.client(initialize(elicitation={}))
    talk.client(call(1, _meta=meta(elicitation={})))
    for line in data.split(b"\n"):
        talk.session.from_server(line)
        talk.session.from_client(line)


def one_input(data: bytes) -> None:
    """Even first bytes: two peers under these choices (see `Chaos`); odd ones: frames."""
    if data[:1] and data[0] % 2:
        raw(data[1:])
    else:
        Chaos(data[1:]).run()


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
