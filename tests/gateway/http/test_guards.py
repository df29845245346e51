"""Who may use a listener."""

from __future__ import annotations

import pytest

from upcall.errors import ConfigurationError
from upcall.gateway.http.front.guards import Guard, Refusal

TOKEN = "a-token-of-some-length"


def status(guard: Guard, **headers: str) -> int | None:
    refusal = guard.refusal({name.encode(): value.encode() for name, value in headers.items()})
    return refusal.status if refusal else None


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost", "LOCALHOST:1", "[::1]:8000", "127.8.8.8"])
def test_this_machine_s_own_names_are_good(host: str) -> None:
    assert status(Guard("127.0.0.1"), host=host) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "localhost.evil.example", "", "127.0.0.1.evil.example", "a@127.0.0.1"],
)
def test_a_name_that_was_rebound_is_refused(host: str) -> None:
    guard = Guard("127.0.0.1")
    assert [status(guard, host=host) for _ in range(2)] == [421, 421]


def test_a_name_that_is_listed_is_good_and_no_other_is() -> None:
    guard = Guard("0.0.0.0", tokens={"it": TOKEN}, allow_hosts=["mcp.example", "two.example:8443"])
    assert status(guard, host="mcp.example:443") is None
    assert status(guard, host="two.example:8443") is None
    assert status(guard, host="two.example:1") == 421
    assert status(guard, host="evil.example") == 421


def test_a_single_name_that_is_listed_shuts_out_the_others_behind_a_token_too() -> None:
    guard = Guard("0.0.0.0", tokens={"it": TOKEN}, allow_hosts=["mcp.example"])
    assert [status(guard, host=host) for host in ("mcp.example", "evil.example")] == [None, 421]


def test_with_a_token_any_name_will_do_where_none_is_listed() -> None:
    assert status(Guard("0.0.0.0", tokens={"it": TOKEN}), host="anything.example") is None
    assert status(Guard("127.0.0.1", tokens={"it": TOKEN}), host="anything.example") is None


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example", "http://[", ""])
def test_pages_of_elsewhere_are_refused(origin: str) -> None:
    assert status(Guard("127.0.0.1", allow_origins=["https://good.example"]), host="localhost", origin=origin) == 403


def test_pages_that_are_listed_or_local_may_ask() -> None:
    guard = Guard("127.0.0.1", allow_origins=["https://Good.example/"])
    assert status(guard, host="localhost", origin="https://good.example") is None
    assert status(guard, host="localhost", origin="http://localhost:6274") is None
    public = Guard("0.0.0.0", tokens={"it": TOKEN})
    assert status(public, host="10.0.0.1", origin="http://localhost:6274") == 403


def test_a_token_says_who_asks() -> None:
    guard = Guard("0.0.0.0", tokens={"ann": TOKEN, "ben": TOKEN[::-1]})
    assert guard.principal({b"authorization": b"Bearer " + TOKEN.encode()}) == "ann"
    assert guard.principal({b"authorization": b"bearer  " + TOKEN[::-1].encode()}) == "ben"


@pytest.mark.parametrize("value", [b"", b"Bearer", b"Bearer wrong", TOKEN.encode(), b"Basic " + TOKEN.encode()])
def test_no_token_or_a_wrong_one_is_refused(value: bytes) -> None:
    refusal = Guard("127.0.0.1", tokens={"ann": TOKEN}).principal({b"authorization": value})
    assert isinstance(refusal, Refusal)
    assert refusal.status == 401
    assert refusal.headers[0][0] == b"www-authenticate"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "mcp.example"])
def test_others_than_this_machine_need_a_token_unless_somebody_said_otherwise(host: str) -> None:
    with pytest.raises(ConfigurationError, match="Anyone"):
        Guard(host)
    assert Guard(host, allow_anonymous=True).principal({}) == ""
