"""Which HTTP response of a legacy session carries what, and what a client finds when it comes back."""

import json

from hypothesis import given
from hypothesis import strategies as st

from upcall.gateway.http.streams import Stream, Streams, requests_in


def call(id: object, token: object = None) -> bytes:
    meta = {} if token is None else {"_meta": {"progressToken": token}}
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": meta}).encode()


def reply(id: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id, "result": {}}).encode()


def note(method: str, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode()


def post(streams: Streams, *frames: bytes) -> Stream:
    stream = streams.opened(*requests_in(b"[" + b",".join(frames) + b"]"))
    assert stream is not None
    stream.reader = lambda: None
    return stream


def read(stream: Stream) -> list[bytes]:
    events = []
    while (event := stream.take()) is not None:
        events.append(event[1])
    return events


def test_a_response_goes_to_its_own_post_and_ends_it() -> None:
    streams = Streams()
    one, two = post(streams, call(1)), post(streams, call("1"))
    streams.say(reply("1"))
    assert (read(one), one.ended) == ([], False)
    assert (read(two), two.ended) == ([reply("1")], True)
    streams.say(reply("1"))
    assert read(two) == []


def test_a_batch_ends_with_its_last_response() -> None:
    streams = Streams()
    both = post(streams, call(1), call(2))
    streams.say(reply(2))
    assert read(both) == [reply(2)]
    assert streams.open == [both]
    streams.say(b"[" + reply(1) + b"]")
    assert read(both) == [reply(1)]
    assert streams.open == []


def test_an_id_that_is_in_use_opens_nothing() -> None:
    streams = Streams()
    post(streams, call(1))
    assert streams.opened([1], []) is None
    assert streams.opened([2, 2], []) is None
    assert streams.opened(["1"], []) is not None


def test_progress_goes_to_the_request_with_its_token() -> None:
    streams = Streams()
    one, two = post(streams, call(1, "a")), post(streams, call(2, "b"))
    progress = note("notifications/progress", progressToken="a", progress=1)
    streams.say(progress)
    assert (read(one), read(two)) == ([progress], [])


def test_what_belongs_to_no_request_goes_to_the_standalone_stream_when_somebody_reads_it() -> None:
    streams = Streams()
    one = post(streams, call(1))
    changed, ask = note("notifications/tools/list_changed"), call("ask")
    streams.say(changed)
    streams.standalone.reader = lambda: None
    streams.say(changed)
    streams.say(ask)
    assert read(one) == [changed, ask]
    assert read(streams.standalone) == [changed]


def test_a_question_while_several_requests_are_open_goes_to_one_stream_only() -> None:
    streams = Streams()
    one, two = post(streams, call(1)), post(streams, call(2))
    streams.say(call("ask"))
    assert [read(one), read(two)] == [[], [call("ask")]]


def test_a_line_that_is_no_message_goes_nowhere() -> None:
    streams = Streams()
    one = post(streams, call(1))
    for line in (b"", b"\r", b"Server started.", b"[1]", b"{}", b'{"id":9}'):
        streams.say(line)
    assert (read(one), read(streams.standalone)) == ([], [])


def test_what_nobody_reads_waits_for_the_standalone_stream() -> None:
    streams = Streams()
    changed = note("notifications/tools/list_changed")
    streams.say(changed)
    assert read(streams.standalone) == [changed]


def test_who_comes_back_gets_what_came_after_the_last_event_it_saw() -> None:
    streams = Streams()
    one = post(streams, call(1, "t"))
    steps = [note("notifications/progress", progressToken="t", progress=step) for step in range(3)]
    for step in steps:
        streams.say(step)
    assert read(one) == steps
    one.reader = None
    streams.say(reply(1))
    again = streams.resumed(f"{one.number}-2")
    assert again is one
    assert read(again) == [steps[2], reply(1)]
    assert streams.resumed(f"{one.number}-0") is one
    assert read(one) == [*steps, reply(1)]


def test_who_has_seen_more_than_we_sent_gets_only_what_is_new() -> None:
    streams = Streams()
    one = post(streams, call(1, "t"))
    streams.say(reply(1))
    assert streams.resumed(f"{one.number}-99") is one
    assert read(one) == []


def test_an_event_id_that_is_none_of_ours_resumes_nothing() -> None:
    for event in ("", "x", "7-1", "1", "-", "1-x", "9" * 5000 + "-1"):
        assert Streams().resumed(event) is None


def test_too_much_that_was_sent_is_forgotten_and_what_is_read_is_not_dropped() -> None:
    streams = Streams(kept=1000)
    one = post(streams, call(1, "t"))
    steps = [note("notifications/progress", progressToken="t", progress=step) for step in range(50)]
    for step in steps:
        streams.say(step)
    assert streams.size > 1000
    assert read(one) == steps
    streams.say(reply(1))
    assert streams.size <= 1000
    assert read(one) == [reply(1)]


def test_a_stream_that_nobody_reads_keeps_the_newest() -> None:
    streams = Streams(kept=1000)
    for step in range(50):
        streams.say(note("notifications/message", data=step))
    left = read(streams.standalone)
    assert 0 < len(left) < 50
    assert left[-1] == note("notifications/message", data=49)
    assert streams.size <= 1000


@given(st.lists(st.tuples(st.sampled_from(["put", "take", "rewind", "drop"]), st.integers(0, 12))))
def test_a_reader_sees_every_event_in_order_unless_it_was_dropped(steps: list[tuple[str, int]]) -> None:
    stream, seen, dropped = Stream(1), 0, 0
    for step, number in steps:
        if step == "put":
            stream.put(b"%d" % (stream.last + 1))
        elif step == "rewind":
            stream.rewind(number)
            seen = min(number, stream.last)
        elif step == "drop":
            dropped += bool(stream.drop(unsent=False))
        elif (event := stream.take()) is not None:
            expected = max(seen, dropped) + 1
            assert event == (expected, b"%d" % expected)
            seen = expected
        else:
            assert max(seen, dropped) == stream.last
