"""`GoogleModel`: what is its own."""

from __future__ import annotations

import base64
import sys
from typing import Any

import pytest

from tests.models.facade import Facade, Reply
from tests.models.providers import KEY, Google, ask
from upcall.errors import AuthenticationFailed, ConfigurationError, RateLimited
from upcall.models import GoogleModel, Model
from upcall.wire import decode_request, encode

pytestmark = pytest.mark.anyio

ADD = {"name": "add", "inputSchema": {"type": "object"}}


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)


def test_its_name_is_its_model_string() -> None:
    model = GoogleModel("gemini-3.5-flash", base_url="https://user:password@proxy.example/x?key=secret")
    assert isinstance(model, Model)
    assert model.name == "google/gemini-3.5-flash"
    assert repr(model) == "GoogleModel('google/gemini-3.5-flash')"


async def test_a_missing_key_names_the_variable() -> None:
    with pytest.raises(ConfigurationError) as caught:
        await GoogleModel("gemini-3.5-flash").complete(ask())
    assert caught.value.hint == "Set GEMINI_API_KEY."


async def test_a_missing_extra_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.genai", None)
    with pytest.raises(ConfigurationError) as caught:
        await GoogleModel("gemini-3.5-flash", api_key="k").complete(ask())
    assert caught.value.hint == "Run `pip install 'upcall[google]'`."


async def test_another_address_does_not_get_the_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-mine")
    monkeypatch.setenv("GOOGLE_API_KEY", "AIza-mine-too")
    async with Facade(Google().answer()) as facade:
        with pytest.raises(ConfigurationError):
            await GoogleModel("gemini-3.5-flash", base_url=facade.url).complete(ask())
        model = GoogleModel("gemini-3.5-flash", base_url=facade.url, api_key="another")
        await model.complete(ask())
        await model.aclose()
    (seen,) = facade.seen
    assert seen.headers["x-goog-api-key"] == "another"
    assert "AIza-mine" not in repr(seen)


@pytest.mark.parametrize(
    ("keys", "sent"),
    [
        ({"GEMINI_API_KEY": "AIza-one", "GOOGLE_API_KEY": "AIza-two"}, "AIza-one"),
        ({"GEMINI_API_KEY": "", "GOOGLE_API_KEY": "AIza-two"}, "AIza-two"),
    ],
)
async def test_the_environment_may_name_address_and_key(
    monkeypatch: pytest.MonkeyPatch, keys: dict[str, str], sent: str
) -> None:
    async with Facade(Google().answer()) as facade:
        for name, value in keys.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("GOOGLE_GEMINI_BASE_URL", facade.url)
        model = GoogleModel("gemini-2.5-flash")
        await model.complete(ask())
        await model.aclose()
    assert facade.seen[0].headers["x-goog-api-key"] == sent


async def test_the_body_goes_out_as_it_was_encoded_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_GENAI_API_VERSION", "v1")
    request = ask(systemPrompt="Be brief.", temperature=0.5, stopSequences=["END"], tools=[ADD])
    async with Facade(Google().answer()) as facade:
        model = Google().model(facade.url)
        await model.complete(request)
        await model.aclose()
    (seen,) = facade.seen
    assert seen.target == "/v1beta/models/gemini-2.5-flash:generateContent"
    assert seen.body == {
        "contents": [{"role": "user", "parts": [{"text": "Hello."}]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {"maxOutputTokens": 50, "temperature": 0.5, "stopSequences": ["END"]},
        "tools": [{"functionDeclarations": [{"name": "add", "parametersJsonSchema": {"type": "object"}}]}],
    }


async def test_names_of_arguments_are_left_as_they_are() -> None:
    """The SDK spells its own members in two ways, and must not take ours for them."""
    uses = [{"type": "tool_use", "id": "c1", "name": "add", "input": {"system_instruction": 1, "maxOutputTokens": 2}}]
    request = encode(ask(tools=[ADD]))
    request["messages"] += [
        {"role": "assistant", "content": uses},
        {"role": "user", "content": [{"type": "tool_result", "toolUseId": "c1", "content": []}]},
    ]
    async with Facade(Google().answer()) as facade:
        model = Google().model(facade.url)
        await model.complete(decode_request(request))
        await model.aclose()
    called, returned = facade.seen[0].body["contents"][1:]
    assert called["parts"][0]["functionCall"]["args"] == {"system_instruction": 1, "maxOutputTokens": 2}
    assert returned["parts"] == [{"functionResponse": {"id": "c1", "name": "add", "response": {"output": ""}}}]


async def test_user_and_query_of_the_address_are_sent_and_never_shown() -> None:
    reply = Reply(403, Google().error("pass@word and query-secret are wrong"))
    async with Facade(reply) as facade:
        url = facade.url.replace("http://", "http://me:pass%40word@") + "?api=query-secret"
        model = GoogleModel("gemini-2.5-flash", base_url=url)
        with pytest.raises(AuthenticationFailed) as caught:
            await model.complete(ask())
        await model.aclose()
    (seen,) = facade.seen
    assert seen.target == "/v1beta/models/gemini-2.5-flash:generateContent?api=query-secret"
    assert seen.headers["authorization"] == "Basic " + base64.b64encode(b"me:pass@word").decode()
    assert caught.value.detail.count("[redacted]") == 2


async def test_a_wrong_key_is_told_with_400() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
    reply = Reply(400, Google().error(f"API key not valid: {KEY}", details=details))
    async with Facade(reply) as facade:
        model = Google().model(facade.url)
        with pytest.raises(AuthenticationFailed) as caught:
            await model.complete(ask())
        await model.aclose()
    assert KEY not in caught.value.detail


async def test_when_to_come_back_is_in_the_body() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.07s"}]
    async with Facade(Reply(429, Google().error("Quota exceeded.", details=details))) as facade:
        model = Google().model(facade.url)
        with pytest.raises(RateLimited) as caught:
            await model.complete(ask())
        await model.aclose()
    assert caught.value.retry_after == 34.07


async def continued(*parts: dict[str, Any], changed: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """The model's turn as it is sent back after an answer of ``parts``; ``changed`` alters its tool uses on the way."""
    first = Google().answer()
    first["candidates"][0]["content"]["parts"] = list(parts)
    async with Facade(first, Google().answer()) as facade:
        model = GoogleModel("gemini-3.5-flash", base_url=facade.url, api_key=KEY)
        asked = encode(ask(tools=[ADD]))
        result = encode((await model.complete(decode_request(asked))).result)
        assert "c2ln" not in repr(result)
        uses = [{**block, **(changed or {})} for block in result["content"]]
        results = [{"type": "tool_result", "toolUseId": use["id"], "content": []} for use in uses]
        asked["messages"] += [{"role": "assistant", "content": uses}, {"role": "user", "content": results}]
        await model.complete(decode_request(asked))
        await model.aclose()
    sent: list[dict[str, Any]] = facade.seen[1].body["contents"][1]["parts"]
    return sent


async def test_signatures_go_back_to_the_provider_and_to_nobody_else() -> None:
    signed = {"functionCall": {"id": "c1", "name": "add", "args": {"a": 1}}, "thoughtSignature": "c2ln"}
    beside = {"functionCall": {"id": "c2", "name": "add", "args": {"a": 2}}}
    assert await continued(signed, beside) == [signed, beside]


async def test_a_call_without_an_id_keeps_its_signature_too() -> None:
    (sent,) = await continued({"functionCall": {"name": "add", "args": {}}, "thoughtSignature": "c2ln"})
    assert sent == {"functionCall": {"id": "call_1", "name": "add", "args": {}}, "thoughtSignature": "c2ln"}


async def test_a_tool_use_that_was_changed_brings_no_signature_back() -> None:
    signed = {"functionCall": {"id": "c1", "name": "add", "args": {"a": 1}}, "thoughtSignature": "c2ln"}
    (sent,) = await continued(signed, changed={"input": {"a": 99}})
    assert sent["thoughtSignature"] == "skip_thought_signature_validator"
