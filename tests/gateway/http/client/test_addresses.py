"""What of a URL goes where."""

from __future__ import annotations

import pytest

from upcall.gateway.http.client.address import Address


@pytest.mark.parametrize(
    ("url", "host", "port", "authority", "target"),
    [
        ("http://h", "h", 80, b"h", b"/"),
        ("https://H:8443/a%2Fb?x=y#z", "h", 8443, b"h:8443", b"/a%2Fb?x=y"),
        ("http://[::1]:8080/mcp", "::1", 8080, b"[::1]:8080", b"/mcp"),
        ("https://bücher.example/ü", "xn--bcher-kva.example", 443, b"xn--bcher-kva.example", b"/%C3%BC"),
    ],
)
def test_an_address_is_read(url: str, host: str, port: int, authority: bytes, target: bytes) -> None:
    found = Address.of(url)
    assert (found.host, found.port, found.authority, found.target) == (host, port, authority, target)


def test_a_user_and_a_password_become_a_header() -> None:
    assert Address.of("http://a%40b:c@h/").authorization == b"Basic YUBiOmM="


@pytest.mark.parametrize("url", ["", "h:80", "ftp://h/", "http://", "http:///mcp", "http://h:99999/", "http://[::1/"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not the address of an HTTP server"):
        Address.of(url)
