"""`OpenAIModel`: what is its own."""

from __future__ import annotations

import base64
import sys

import pytest

from tests.models.facade import Facade, Reply
from tests.models.providers import OpenAI, ask
from upcall.errors import AuthenticationFailed, ConfigurationError
from upcall.models import Model, OpenAIModel
from upcall.wire import decode_request, encode

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize(
    ("base_url", "shown"),
    [
        (None, "openai/m"),
        ("https://api.openai.com/v1", "openai/m"),
        ("https://eu.api.openai.com/v1/", "openai/m"),
        ("http://localhost:8000/v1/", "openai/m@http://localhost:8000/v1"),
        ("https://user:pass%40word@host.example/v1?key=secret#part", "openai/m@https://host.example/v1"),
        ("https://notopenai.com/v1", "openai/m@https://notopenai.com/v1"),
        ("http://[::1]:8000/v1", "openai/m@http://[::1]:8000/v1"),
    ],
)
def test_its_name_shows_the_address_and_no_secret(base_url: str | None, shown: str) -> None:
    model = OpenAIModel("m", base_url=base_url)
    assert isinstance(model, Model)
    assert model.name == shown
    assert repr(model) == f"OpenAIModel({shown!r})"


@pytest.mark.parametrize("base_url", ["localhost:8000", "ftp://host/v1", "http://", "http://u:secret@host:port/v1"])
def test_what_is_no_address_is_refused_without_being_quoted(base_url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        OpenAIModel("m", base_url=base_url)
    assert "secret" not in repr(caught.value) + str(caught.value) + caught.value.detail


async def test_a_missing_key_names_the_variable() -> None:
    with pytest.raises(ConfigurationError) as caught:
        await OpenAIModel("gpt-4.1-mini").complete(ask())
    assert caught.value.hint == "Set OPENAI_API_KEY."


async def test_a_missing_extra_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ConfigurationError) as caught:
        await OpenAIModel("gpt-4.1-mini", api_key="k").complete(ask())
    assert caught.value.hint == "Run `pip install 'upcall[openai]'`."


async def test_a_local_server_needs_no_key_and_does_not_get_openais(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    async with Facade(OpenAI().answer()) as facade:
        model = OpenAIModel("llama", base_url=f"{facade.url}/v1")
        await model.complete(ask())
        await model.aclose()
    (seen,) = facade.seen
    assert seen.headers["authorization"] == "Bearer none"
    assert seen.body == {"model": "llama", "messages": [{"role": "user", "content": "Hello."}], "max_tokens": 50}


async def test_the_environment_may_name_address_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Facade(OpenAI().answer(), OpenAI().answer()) as facade:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{facade.url}/v1")
        for model in (OpenAIModel("m"), OpenAIModel("m", base_url=f"{facade.url}/v1")):
            await model.complete(ask())
            await model.aclose()
    assert [seen.headers["authorization"] for seen in facade.seen] == ["Bearer sk-mine", "Bearer sk-mine"]


async def test_user_and_query_of_the_address_are_sent_and_never_shown() -> None:
    reply = Reply(401, {"error": {"message": "pass@word and query-secret are wrong"}})
    async with Facade(reply) as facade:
        url = facade.url.replace("http://", "http://me:pass%40word@") + "/v1?api=query-secret"
        model = OpenAIModel("m", base_url=url)
        with pytest.raises(AuthenticationFailed) as caught:
            await model.complete(ask())
        await model.aclose()
    (seen,) = facade.seen
    assert seen.target == "/v1/chat/completions?api=query-secret"
    assert seen.headers["authorization"] == "Basic " + base64.b64encode(b"me:pass@word").decode()
    assert caught.value.detail.count("[redacted]") == 2


async def test_a_server_that_knows_only_the_new_name_of_the_limit_gets_it() -> None:
    words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    refusal = Reply(400, {"error": {"message": words, "param": "max_tokens", "code": "unsupported_parameter"}})
    async with Facade(refusal, OpenAI().answer()) as facade:
        model = OpenAI().model(facade.url)
        completion = await model.complete(ask())
        await model.aclose()
    assert facade.seen[1].body["max_completion_tokens"] == 50
    assert "max_tokens" not in facade.seen[1].body
    assert [(each.field, each.action) for each in completion.adjustments] == [("maxTokens", "renamed")]


async def test_what_a_server_sends_beside_a_tool_call_goes_back_to_it_alone() -> None:
    first = OpenAI().answer("", use={"id": "c1", "name": "add", "input": {}})
    message = first["choices"][0]["message"]
    message["reasoning_content"] = "Hm."
    message["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "c2ln"}}
    async with Facade(first, OpenAI().answer()) as facade:
        model = OpenAI().model(facade.url)
        asked = encode(ask(tools=[{"name": "add", "inputSchema": {"type": "object"}}]))
        result = encode((await model.complete(decode_request(asked))).result)
        assert "Hm." not in repr(result)
        assert "c2ln" not in repr(result)
        asked["messages"] += [
            {"role": "assistant", "content": result["content"]},
            {"role": "user", "content": [{"type": "tool_result", "toolUseId": "c1", "content": []}]},
        ]
        await model.complete(decode_request(asked))
        await model.aclose()
    sent = facade.seen[1].body["messages"][1]
    assert sent["reasoning_content"] == "Hm."
    assert sent["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "c2ln"}}
