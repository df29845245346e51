"""`Host` by itself: settings, models, closing."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tests.host.playbook import answer, asked
from upcall.errors import ConfigurationError, InvalidRequest, ModelError
from upcall.host import ClientRequest, Entry, Host
from upcall.testing import ScriptedModel
from upcall.wire import encode

pytestmark = pytest.mark.anyio


def _model() -> ScriptedModel:
    return ScriptedModel(answer(), repeat=True, name="test/model")


async def test_it_answers_a_request_or_its_json() -> None:
    model = _model()
    host = Host(model)
    assert await host.answer(asked(), server="logs") == answer()
    assert await host.answer(encode(asked()), server="logs") == answer()
    assert model.requests == [asked(), asked()]


async def test_the_record_tells_who_asked_and_during_what() -> None:
    entries: list[Entry] = []
    host = Host(_model(), on_record=entries.append)
    during = ClientRequest(name="summarize", arguments={"text": "…"})
    await host.answer(asked(), server="logs", version="2026-07-28", request_id="a", during=during)
    (entry,) = entries
    assert entry.context.server == "logs"
    assert entry.context.request_id == "a"
    assert entry.context.during == during
    assert entry.context.era == "modern"
    assert (entry.model_asked, entry.model_used) == ("test/model", "real-1")


async def test_without_tools_it_refuses_and_does_not_declare_them() -> None:
    host = Host(_model(), tools=False)
    assert host.sampling_capabilities.tools is None
    with pytest.raises(InvalidRequest):
        await host.answer(asked(tools=[]), server="logs")
    assert Host(_model()).sampling_capabilities.tools is not None


async def test_leaving_the_block_closes_the_model() -> None:
    model = _model()
    async with Host(model) as host:
        await host.answer(asked(), server="logs")
        assert model.closed == 0
    assert model.closed == 1
    assert await host.answer(asked(), server="logs") == answer(), "and may be used again"


async def test_a_host_of_a_provider_can_be_made_and_closed_without_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    entries: list[Entry] = []
    async with Host("openai/gpt-5.4-mini", on_record=entries.append) as host:
        with pytest.raises(ModelError, match="not set up") as caught:
            await host.answer(asked(), server="logs")
    assert "OPENAI_API_KEY" not in str(caught.value), "the server need not know what is missing here"
    assert "OPENAI_API_KEY" in caught.value.detail
    (entry,) = entries
    assert entry.model_asked == "openai/gpt-5.4-mini"


def test_a_model_string_that_means_nothing_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="no model string"):
        Host("no-such-provider/model")


@pytest.mark.parametrize("settings", [{"timeout": 0}, {"timeout": -1.0}, {"max_concurrent": 0}])
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Host(_model(), **settings)


def test_something_that_is_no_model_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not int"):
        Host(3)  # type: ignore[arg-type]


def test_making_a_host_loads_no_sdk() -> None:
    code = (
        "import sys; from upcall.host import Host; Host('anthropic/claude-sonnet-5').callback; Host(lambda m: 'ok');"
        "print([m for m in ('mcp', 'mcp_types', 'pydantic', 'anthropic', 'openai', 'fastmcp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
