"""What a gateway goes by: the policy's words, the command line's, and secrets from the environment alone."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from upcall.errors import ConfigurationError
from upcall.gateway.settings import Serving, Settings, header_from, read_settings
from upcall.host.policy import trust

TOKEN = "t0ken-of-sixteen-or-more"
OTHER = "an0ther-token-for-the-other"
HEX = "ab" * 32


def read(tmp_path: Path, text: str, env: dict[str, str] | None = None, **more: object) -> Settings:
    path = tmp_path / "upcall.toml"
    path.write_text(text)
    return read_settings(policy=path, env=env or {}, **more)  # type: ignore[arg-type]


def serving(tmp_path: Path, text: str, env: dict[str, str] | None = None, **more: object) -> Serving:
    return read(tmp_path, text, env).serving(env=env or {}, **more)  # type: ignore[arg-type]


def fault(error: pytest.ExceptionInfo[ConfigurationError]) -> str:
    return f"{error.value} {error.value.detail}"


def test_without_a_file_the_built_in_policy_asks_about_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = read_settings(env={"XDG_CONFIG_HOME": str(tmp_path)}, model="local/smollm2")
    assert settings.file is None
    assert settings.current.rules_for("x").decision == "ask"


def test_a_file_that_is_found_in_a_project_has_to_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("UPCALL_POLICY", raising=False)
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    path = project / "upcall.toml"
    path.write_text('[default]\ndecision = "allow"\n')
    monkeypatch.chdir(project)
    with pytest.raises(ConfigurationError, match="not trusted"):
        read_settings()
    trust(path, path.read_text())
    settings = read_settings()
    assert settings.current.rules_for("x").decision == "allow"
    path.write_text('[default]\ndecision = "allow"\ntools = false\n')
    assert settings.current.rules_for("x").tools, "a change has to be trusted, too"


def test_a_file_with_a_problem_says_line_and_nearest_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as error:
        read(tmp_path, "[gateway]\n\nlisten_on = '127.0.0.1:1'\n")
    assert "line 3: There is no key gateway.listen_on. Did you mean gateway.listen?" in error.value.hint


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_settings(policy=tmp_path / "none.toml", env={})


def test_a_timeout_is_more_than_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        read(tmp_path, "", timeout=0)


def test_keys_are_made_for_the_process_where_none_are_named(tmp_path: Path) -> None:
    one, other = read(tmp_path, ""), read(tmp_path, "")
    assert len(one.keys[0]) == 32
    assert one.keys != other.keys


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        (HEX, [b"\xab" * 32]),
        (base64.b64encode(b"\xfb" * 33).decode(), [b"\xfb" * 33]),
        (base64.urlsafe_b64encode(b"\xfb" * 32).decode().rstrip("="), [b"\xfb" * 32]),
        (f" {HEX} , {'cd' * 40}\n", [b"\xab" * 32, b"\xcd" * 40]),
    ],
)
def test_state_keys_come_from_the_environment(tmp_path: Path, value: str, keys: list[bytes]) -> None:
    settings = read(tmp_path, '[gateway]\nstate_key_env = "STATE"\n', {"STATE": value})
    assert list(settings.keys) == keys


@pytest.mark.parametrize("value", ["", " ", "ab" * 31, "hunter2-hunter2", f"{HEX},", f"{HEX},zz", "é" * 64])
def test_state_keys_that_are_missing_or_weak_are_refused_and_not_repeated(tmp_path: Path, value: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read(tmp_path, '[gateway]\nstate_key_env = "STATE"\n', {"STATE": value})
    assert "STATE" in str(error.value)
    assert not value.strip() or value not in fault(error)


def test_tokens_have_names(tmp_path: Path) -> None:
    text = '[gateway]\ntoken_env = "ALL"\nprincipals = { alice = "ALICE" }\n'
    assert serving(tmp_path, text, {"ALL": TOKEN, "ALICE": f" {OTHER}\n"}).tokens == {"client": TOKEN, "alice": OTHER}
    assert serving(tmp_path, "").tokens == {}


def test_the_command_line_names_the_token_before_the_file(tmp_path: Path) -> None:
    found = serving(tmp_path, '[gateway]\ntoken_env = "ALL"\n', {"MINE": TOKEN}, token_env="MINE")
    assert found.tokens == {"client": TOKEN}


@pytest.mark.parametrize(
    ("text", "env"),
    [
        ('token_env = "A"', {}),
        ('token_env = "A"', {"A": ""}),
        ('token_env = "A"', {"A": "short"}),
        ('token_env = "A"', {"A": "sixteen characters and blanks"}),
        ('token_env = "A"', {"A": "sixteen-and-more-\r\nX: y"}),
        ('principals = { a = "A", b = "B" }', {"A": TOKEN, "B": TOKEN}),
        ('token_env = "A"\nprincipals = { client = "B" }', {"A": TOKEN, "B": OTHER}),
    ],
)
def test_tokens_that_are_missing_weak_or_shared_are_refused_and_not_repeated(
    tmp_path: Path, text: str, env: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError) as error:
        serving(tmp_path, f"[gateway]\n{text}\n", env)
    assert not any(value and value in fault(error) for value in env.values())


def test_addresses_come_from_file_and_command_line(tmp_path: Path) -> None:
    text = '[gateway]\nlisten = "[::1]:8900"\nallow_hosts = ["a.b"]\nallow_origins = ["https://a.b"]\nbody_bytes = 5\n'
    found = serving(tmp_path, text)
    assert (found.listen, found.body_bytes) == (("::1", 8900), 5)
    found = serving(tmp_path, text, listen="localhost:1", allow_hosts=["c.d:2", "a.b"], allow_origins=["http://e"])
    assert found.listen == ("localhost", 1)
    assert found.allow_hosts == ("a.b", "c.d:2")
    assert found.allow_origins == ("https://a.b", "http://e")
    assert serving(tmp_path, "").listen is None


@pytest.mark.parametrize(
    "more",
    [
        {"listen": "localhost"},
        {"listen": "a:b"},
        {"token_env": "a token"},
        {"allow_hosts": ["http://a"]},
        {"allow_origins": ["a.b"]},
        {"allow_origins": ["null"]},
        {"allow_origins": ["https://a/b"]},
    ],
)
def test_the_command_line_is_held_to_the_same_rules(tmp_path: Path, more: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="gateway"):
        serving(tmp_path, "", {}, **more)


def test_an_upstream_on_http_gets_its_headers_from_the_environment(tmp_path: Path) -> None:
    text = '[gateway.upstream.search]\nurl = "https://h/mcp"\nheaders_env = { Authorization = "AUTH" }\n'
    found = serving(tmp_path, text, {"AUTH": f"Bearer {TOKEN}\n", "OPENAI_API_KEY": "sk-1"})
    (upstream,) = found.upstreams
    assert (upstream.name, upstream.url, upstream.argv) == ("search", "https://h/mcp", None)
    assert upstream.headers == {"Authorization": f"Bearer {TOKEN}"}
    assert TOKEN not in repr(found)


@pytest.mark.parametrize("env", [{}, {"AUTH": "a\nb: c"}, {"AUTH": "snow \u2603 man"}])
def test_a_header_that_is_missing_or_would_be_two_is_refused(tmp_path: Path, env: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="AUTH"):
        serving(tmp_path, '[gateway.upstream.a]\nurl = "https://h/mcp"\nheaders_env = { A = "AUTH" }\n', env)


def test_a_program_gets_what_it_needs_and_no_key_of_ours(tmp_path: Path) -> None:
    text = '[gateway.upstream.files]\nargv = ["files", "--stdio"]\nenv = ["ROOT", "UNSET"]\n'
    (upstream,) = serving(tmp_path, text, {"PATH": "/bin", "ROOT": "/srv", "OPENAI_API_KEY": "sk-1"}).upstreams
    assert upstream.argv == ("files", "--stdio")
    assert upstream.env == {"PATH": "/bin", "ROOT": "/srv"}


def test_a_header_of_the_command_line_stands_in_a_variable() -> None:
    assert header_from("H", {"H": f"Authorization: Bearer {TOKEN}\n"}) == ("Authorization", f"Bearer {TOKEN}")
    assert header_from("H", {"H": "X-Key:a:b"}) == ("X-Key", "a:b")
    for value in ("", "Basic", "A B: c", ": c", "A: b\nC: d"):
        with pytest.raises(ConfigurationError) as error:
            header_from("H", {"H": value})
        assert not value or value not in fault(error)


def test_nothing_that_is_shown_holds_a_secret(tmp_path: Path) -> None:
    settings = read(tmp_path, '[gateway]\nstate_key_env = "S"\ntoken_env = "T"\n', {"S": HEX, "T": TOKEN})
    shown = f"{settings!r} {settings.serving(env={'T': TOKEN})!r}"
    assert TOKEN not in shown
    assert HEX not in shown
    assert repr(b"\xab") not in shown
    assert "xab" not in shown
