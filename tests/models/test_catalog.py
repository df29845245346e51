"""Model strings, and what is light about them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import upcall.models
from upcall.errors import ConfigurationError
from upcall.models import (
    AnthropicModel,
    CommandModel,
    EmbeddedModel,
    GoogleModel,
    OpenAIModel,
    OpenAIResponsesModel,
    known_models,
    load_model,
    why_unusable,
)
from upcall.testing import ScriptedModel


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (
        *("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
        *("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"),
    ):
        monkeypatch.delenv(variable, raising=False)


COMMANDS = {
    "mine": CommandModel("mine", [sys.executable, "-c", "print('Hi.')"]),
    "lost": CommandModel("lost", ["no-such-program-anywhere"]),
}


@pytest.mark.parametrize(
    ("spec", "kind", "name"),
    [
        ("local/smollm2", EmbeddedModel, "local/smollm2"),
        ("local//models/My.gguf", EmbeddedModel, "local/My.gguf"),
        ("anthropic/claude-sonnet-5", AnthropicModel, "anthropic/claude-sonnet-5"),
        ("openai/gpt-5.4-mini", OpenAIModel, "openai/gpt-5.4-mini"),
        ("openai/meta/llama@3@http://localhost:1/v1", OpenAIModel, "openai/meta/llama@3@http://localhost:1/v1"),
        ("openai/m@https://u:p@host/v1", OpenAIModel, "openai/m@https://host/v1"),
        (" openai/m ", OpenAIModel, "openai/m"),
        ("openai-responses/gpt-5.4-mini", OpenAIResponsesModel, "openai-responses/gpt-5.4-mini"),
        ("openai-responses/m@http://u:p@h/v1", OpenAIResponsesModel, "openai-responses/m@http://h/v1"),
        ("google/gemini-3.5-flash", GoogleModel, "google/gemini-3.5-flash"),
    ],
)
def test_a_model_string_names_its_model(spec: str, kind: type, name: str) -> None:
    model = load_model(spec)
    assert type(model) is kind
    assert model.name == name


def test_a_model_is_given_back_as_it_is() -> None:
    model = ScriptedModel("Hi.")
    assert load_model(model) is model


@pytest.mark.parametrize(
    ("spec", "guess"),
    [
        ("anthropc/claude-sonnet-5", "anthropic/claude-sonnet-5"),
        ("Openai/gpt-5", "openai/gpt-5"),
        ("claude-sonnet-5", "anthropic/claude-sonnet-5"),
        ("gpt-5", "openai/gpt-5"),
        ("o4-mini", "openai/o4-mini"),
        ("smollm2", "local/smollm2"),
        ("model.gguf", "local/model.gguf"),
        ("./model.gguf", "local/./model.gguf"),
        ("ollama/llama3", "openai/llama3@http://localhost:11434/v1"),
        ("anthropic", "anthropic/<name>"),
        ("openai/", "openai/<name>"),
        ("openai-response/gpt-5", "openai-responses/gpt-5"),
        ("gemini-3.5-flash", "google/gemini-3.5-flash"),
        ("gemini/gemini-3.5-flash", "google/gemini-3.5-flash"),
        ("cmd/mine", "command/mine"),
    ],
)
def test_what_is_none_gets_the_nearest_right_one(spec: str, guess: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_model(spec)
    assert f"Did you mean {guess!r}?" in caught.value.hint
    assert "openai/<name>@<base_url>" in caught.value.hint


@pytest.mark.parametrize("spec", ["mistral/large", "", "   ", "!"])
def test_what_is_near_nothing_gets_the_list(spec: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_model(spec)
    assert "Known: local/smollm2, " in caught.value.hint


def test_a_password_in_a_wrong_string_is_not_repeated() -> None:
    for spec in (
        "opena/m@https://u:secret@host/v1",
        "anthropic/m@https://u:secret@host/v1",
        "google/m@https://u:secret@host/v1",
        "https://u:secret@host",
    ):
        with pytest.raises(ConfigurationError) as caught:
            load_model(spec)
        assert "secret" not in str(caught.value) + repr(caught.value)


def test_what_is_neither_string_nor_model_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match="int is neither"):
        load_model(5)  # type: ignore[arg-type]


def test_a_missing_key_makes_a_model_unusable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_unusable("anthropic/claude-sonnet-5") == "ANTHROPIC_API_KEY is not set."
    assert why_unusable("openai/gpt-5.4-mini") == "OPENAI_API_KEY is not set."
    assert why_unusable("openai/llama@http://localhost:8000/v1") is None
    assert why_unusable("openai-responses/gpt-5.4-mini") == "OPENAI_API_KEY is not set."
    assert why_unusable("openai-responses/llama@http://localhost:8000/v1") is None
    assert why_unusable("google/gemini-3.5-flash") == "GEMINI_API_KEY is not set."
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-mine")
    monkeypatch.setenv("GOOGLE_API_KEY", "AIza-mine")
    assert why_unusable("anthropic/claude-sonnet-5") is None
    assert why_unusable("google/gemini-3.5-flash") is None


def test_a_missing_extra_or_file_makes_a_model_unusable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "own.gguf"
    assert why_unusable(f"local/{file}") == "There is no such file."
    file.touch()
    assert why_unusable(f"local/{file}") is None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert why_unusable(f"local/{file}") == "The extra is missing: pip install 'upcall[local]'."
    assert why_unusable("openai/llama@http://localhost/v1") == "The extra is missing: pip install 'upcall[openai]'."
    assert why_unusable("google/gemini-3.5-flash") == "The extra is missing: pip install 'upcall[google]'."


def test_a_missing_package_around_the_sdk_makes_a_model_unusable(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib.util, "find_spec", nowhere)
    assert why_unusable("google/gemini-3.5-flash") == "The extra is missing: pip install 'upcall[google]'."


def test_a_command_is_one_of_those_that_were_handed_in() -> None:
    assert load_model("command/mine", commands=COMMANDS) is COMMANDS["mine"]
    assert why_unusable("command/mine", commands=COMMANDS) is None
    assert why_unusable("command/lost", commands=COMMANDS) == "There is no program 'no-such-program-anywhere'."


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("command/mien", "Did you mean 'command/mine'?"),
        ("command/python", "Configure it first, as [command.python]."),
        ("command//bin/sh", "Configure it first, as [command./bin/sh]."),
    ],
)
def test_a_model_string_alone_starts_no_program(spec: str, hint: str) -> None:
    for ask in (load_model, why_unusable):
        with pytest.raises(ConfigurationError, match="There is no command") as caught:
            ask(spec, commands=COMMANDS)
        assert caught.value.hint == hint


def test_missing_weights_name_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UPCALL_CACHE", str(tmp_path))
    monkeypatch.setattr("upcall.models.embedded.find_weights", lambda name: None)
    assert why_unusable("local/smollm2") == "The weights are missing: upcall model install smollm2."


def test_the_list_has_every_form_and_says_what_each_needs() -> None:
    rows = {row.spec: row for row in known_models()}
    assert [*rows] == [
        "local/smollm2",
        "local/<path>.gguf",
        "anthropic/<name>",
        "openai/<name>",
        "openai/<name>@<base_url>",
        "openai-responses/<name>",
        "openai-responses/<name>@<base_url>",
        "google/<name>",
        "command/<name>",
    ]
    assert rows["anthropic/<name>"].unusable == "ANTHROPIC_API_KEY is not set."
    assert rows["openai/<name>@<base_url>"].unusable is None
    assert "OPENAI_API_KEY" in rows["openai/<name>"].needs
    assert "OPENAI_API_KEY" not in rows["openai/<name>@<base_url>"].needs
    assert rows["google/<name>"].needs == "pip install 'upcall[google]', GEMINI_API_KEY"
    assert rows["command/<name>"].unusable == "None is configured."


def test_the_list_has_each_command_that_is_configured() -> None:
    rows = {row.spec: row.unusable for row in known_models(commands=COMMANDS)}
    assert rows["command/mine"] is None
    assert rows["command/lost"] == "There is no program 'no-such-program-anywhere'."
    assert "command/<name>" not in rows


def test_every_public_name_is_there_and_no_other() -> None:
    for name in upcall.models.__all__:
        assert getattr(upcall.models, name) is not None
    assert set(upcall.models.__all__) <= set(dir(upcall.models))
    with pytest.raises(AttributeError):
        _ = upcall.models.Nonsense


def test_naming_and_listing_models_loads_no_sdk() -> None:
    code = """
import sys
import upcall.models, upcall.testing
for spec in ("anthropic/any", "openai/any", "openai-responses/any", "google/any", "local/smollm2"):
    upcall.models.load_model(spec)
upcall.models.known_models()
heavy = ("anthropic", "openai", "google.genai", "mcp", "pydantic", "httpx", "httpx2", "xllamacpp")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
