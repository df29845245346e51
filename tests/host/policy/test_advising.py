"""Remarks about what is allowed and probably not meant."""

from __future__ import annotations

import pytest

from upcall.host.policy import advice_on, parse_policy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", []),
        (
            '[server.logs]\n[[budget]]\nfor = "server:log"\nper = "day"\ncalls = 1',
            ["budget #1 is for log, which has no section server.log. Did you mean server:logs?"],
        ),
        ('[server.logs]\n[[budget]]\nfor = "server:*"\nper = "day"\ncalls = 1', []),
        (
            '[approval]\nby = "none"\n[server.logs]\ndecision = "allow"',
            ['approval.by is "none", so nobody can say yes: default will be refused.'],
        ),
        ('[approval]\nby = "none"\n[default]\ndecision = "deny"', []),
        (
            '[store]\nurl = "postgresql://me:hunter2@db/x"',
            ["store.url holds a password. Whoever can read the file has it; ~/.pgpass or PGPASSWORD keep it out."],
        ),
        ('[store]\nurl = "postgresql://me@db/x"', []),
        (
            '[gateway.upstream.a]\nurl = "http://h/mcp"\nheaders_env = { A = "B" }',
            ["gateway.upstream.a sends its headers_env unencrypted over http://."],
        ),
        ('[gateway.upstream.a]\nurl = "http://[::1]:8/mcp"\nheaders_env = { A = "B" }', []),
        ('[gateway.upstream.a]\nurl = "http://h/mcp"', []),
    ],
)
def test_a_remark_for_each_trap_and_none_otherwise(text: str, said: list[str]) -> None:
    assert list(advice_on(parse_policy(text))) == said
