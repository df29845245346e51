"""Wrapping and unwrapping, over random configs: nothing is lost, nothing is done twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.clients.configs import configs, written
from upcall.gateway.clients import Gateway, Layer, is_wrapped, unwound, unwrapped, wrapped
from upcall.gateway.clients._jsonc import parse

GATEWAY = Gateway(("/opt/bin/upcall",), "/etc/upcall.toml")
FILE = Path("mcp.json")


def layer(text: str) -> tuple[Layer, str]:
    change = wrapped(text, FILE, GATEWAY)
    return Layer(text, change.after.text, list(change.changed)), change.after.text


def servers(value: dict[str, Any]) -> dict[str, Any]:
    table: dict[str, Any] = value["mcpServers"] if "mcpServers" in value else value["servers"]
    return table


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_unwrapping_gives_the_same_bytes_and_wrapping_twice_changes_nothing(data: st.DataObject) -> None:
    text = data.draw(written(data.draw(configs())))
    kept, now = layer(text)
    assert unwrapped(now, FILE, [kept]).after.text == text
    again = wrapped(now, FILE, GATEWAY)
    assert (again.after.text, again.changed) == (now, ())


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_an_entry_becomes_what_the_gateway_needs_and_the_rest_stays(data: st.DataObject) -> None:
    value = data.draw(configs())
    text = data.draw(written(value))
    change = wrapped(text, FILE, GATEWAY)
    now = parse(change.after.text).value
    assert list(now) == list(value)
    assert {key: now[key] for key in ("other", "inputs")} == {key: value[key] for key in ("other", "inputs")}
    assert list(servers(now)) == list(servers(value))
    left = {name for name, _ in change.remarks}
    for name, was in servers(value).items():
        entry = servers(now)[name]
        if name in left:
            assert entry == was
            assert was.get("type") == "sse"
            continue
        head = ["gateway", "--name", name, "--policy", "/etc/upcall.toml"]
        assert entry["command"] == "/opt/bin/upcall"
        assert entry["args"][:5] == head
        assert entry.get("type", "stdio") == "stdio"
        if "command" in was:
            assert entry["args"][5:] == ["--", was["command"], *was.get("args", [])]
            assert {**entry, **was} == {**was, "args": was.get("args", entry["args"])}
        else:
            variables = entry["args"][8::2]
            assert entry["args"][5:7] == ["--upstream", was["url"]]
            assert set(entry["args"][7::2]) <= {"--header-env"}
            assert [entry["env"][variable] for variable in variables] == [
                f"{header}: {text}" for header, text in was.get("headers", {}).items()
            ]
            rest = {name: text for name, text in entry.get("env", {}).items() if name not in variables}
            assert rest == was.get("env", {})
            assert not {"headers", "url"} & set(entry)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_what_was_forgotten_is_rebuilt_from_the_arguments(data: st.DataObject) -> None:
    value = data.draw(configs())
    text = data.draw(written(value))
    _, now = layer(text)
    change = unwrapped(now, FILE, [])
    found = servers(parse(change.after.text).value)
    assert {name for name, _ in change.remarks} == {path[-1] for path in change.changed}
    for name, was in servers(value).items():
        expected = dict(was)
        if "url" in was and is_wrapped(servers(parse(now).value)[name]):
            expected = {key: "http" if key == "type" else item for key, item in was.items()}
        assert _bare(found[name]) == _bare(expected)


def _bare(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry without tables and lists that are empty: whether they were there, the arguments do not say."""
    return {key: value for key, value in entry.items() if key not in ("args", "env", "headers") or value}


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_what_changed_around_an_entry_stays(data: st.DataObject) -> None:
    text = data.draw(written(data.draw(configs())))
    kept, now = layer(text)
    mine = f"// mine\n{now}\n\n// yours\n"
    assert unwrapped(mine, FILE, [kept]).after.text == f"// mine\n{text}\n\n// yours\n"


def test_servers_added_between_two_wraps_come_back_exactly() -> None:
    first, now = layer('{"mcpServers": { "a": {"command":"x"} /* a */ }}')
    second, now = layer(now.replace("/* a */", ', /* b */ "b": {"url" : "https://b.example", "type":"http"}'))
    assert unwrapped(now, FILE, [first, second]).after.text == (
        '{"mcpServers": { "a": {"command":"x"} , /* b */ "b": {"url" : "https://b.example", "type":"http"} }}'
    )


def test_an_entry_that_was_edited_keeps_the_edit_its_type_and_the_names_of_its_keys() -> None:
    text = (
        '{"mcpServers": {"a": {"type": "streamable-http", "httpUrl": "https://a.example", "headers": {"X-Key": "1"}}}}'
    )
    kept, now = layer(text)
    change = unwrapped(now.replace('"X-Key: 1"', '"X-Key: 1", "B": "2"'), FILE, [kept])
    assert parse(change.after.text).value["mcpServers"]["a"] == {
        **parse(text).value["mcpServers"]["a"], "env": {"B": "2"}
    }  # fmt: skip
    assert change.remarks == (("a", "it was edited since; it was rebuilt from its arguments"),)


def test_an_edited_program_keeps_its_comments() -> None:
    kept, now = layer(
        '{"servers": {"a": {\n  "command": "x", // run\n  "args": [\n    // first\n    "1", // one\n  ]}}}'
    )
    edited = now.replace('"1"', '"1", "2"')
    assert unwrapped(edited, FILE, [kept]).after.text == (
        '{"servers": {"a": {\n  "command": "x", // run\n  "args": [\n    // first\n    "1", "2", // one\n  ]}}}'
    )


def test_only_an_entry_that_runs_upcalls_gateway_counts_as_wrapped() -> None:
    arguments = ["gateway", "--name", "a", "--", "x"]
    assert unwound({"command": "/bin/upcall", "args": arguments}) == {"command": "x"}
    assert unwound({"command": "C:\\bin\\upcall.exe", "args": arguments}) == {"command": "x"}
    assert unwound({"command": "python3", "args": ["-m", "upcall.cli", *arguments]}) == {"command": "x"}
    assert unwound({"command": "other", "args": arguments}) is None
    assert unwound({"command": "upcall", "args": ["gateway", "--listen", "h:1"]}) is None
    assert unwound({"command": "upcall", "args": ["gateway"]}) is None


def test_an_entry_that_a_person_put_behind_the_gateway_counts_too() -> None:
    for arguments in (["--model=m", "--name", "a", "--", "x"], ["--", "x"], ["--private-env", "--", "--", "x"], ["x"]):
        assert unwound({"command": "upcall", "args": ["gateway", *arguments]}) == {"command": "x"}
    arguments = ["gateway", "--upstream=https://a.example", "--header-env", "H", "--model", "m"]
    entry = {"command": "upcall", "args": arguments, "env": {"H": "X-Key: 1", "B": "2"}}
    assert unwound(entry) == {"url": "https://a.example", "headers": {"X-Key": "1"}, "env": {"B": "2"}}
