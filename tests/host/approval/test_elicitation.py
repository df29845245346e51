"""Asking through the client: only ``accept`` with a word for yes is a yes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult

from tests.host.approval.questions import HOSTILE, question
from upcall.host.approval import CHOICES, Answer, ElicitationApprover

pytestmark = pytest.mark.anyio


async def answered(given: Any, **fields: Any) -> Answer:
    async def elicit(message: str, schema: dict[str, Any]) -> Mapping[str, Any]:
        return given  # type: ignore[no-any-return]

    return await ElicitationApprover(elicit).ask(question(**fields))


@pytest.mark.parametrize("choice", CHOICES)
async def test_each_choice_means_what_it_says(choice: str) -> None:
    approved, remember = CHOICES[choice]
    given = {"action": "accept", "content": {"decision": choice}}
    assert await answered(given) == Answer(approved=approved, remember=remember, by="client")
    assert approved == ("approve" in choice)


@pytest.mark.parametrize("action", ["decline", "cancel", "ACCEPT", "", None, True])
async def test_any_other_action_is_no_whatever_comes_with_it(action: object) -> None:
    answer = await answered({"action": action, "content": {"decision": "approve once"}})
    assert (answer.approved, answer.remember, answer.asked) == (False, "once", True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values)
def test_accepting_without_one_of_the_choices_is_no(content: Any) -> None:
    for given_ in ({"action": "accept", "content": content}, {"action": "accept", "content": {"decision": content}}):
        answer = anyio.run(answered, given_)
        assert not answer.approved


@given(json_values)
def test_what_is_no_result_is_no(given: Any) -> None:
    assert not anyio.run(answered, given).approved


async def test_the_message_sets_every_line_of_the_prompt_off() -> None:
    messages: list[str] = []

    async def elicit(message: str, schema: dict[str, Any]) -> Mapping[str, Any]:
        messages.append(message)
        return {"action": "decline"}

    await ElicitationApprover(elicit).ask(question(HOSTILE, scanned=True))
    lines = messages[0].split("\n")
    assert all(ord(character) >= 32 for character in messages[0].replace("\n", ""))
    assert "\u202e" not in messages[0]
    assert all(line.lstrip().startswith("│") for line in lines if "approve once" in line)
    assert max(map(len, lines)) <= 76
    assert "  cost      at most $0.0042" in lines


async def test_what_a_yes_depends_on_comes_first() -> None:
    messages: list[str] = []

    async def elicit(message: str, schema: dict[str, Any]) -> Mapping[str, Any]:
        messages.append(message)
        return {"action": "decline"}

    await ElicitationApprover(elicit).ask(question())
    await ElicitationApprover(elicit).ask(question(HOSTILE, scanned=True))
    harmless, flagged = (message.split("\n")[:3] for message in messages)
    assert harmless == [
        "  logs asks a model · anthropic/claude-sonnet-5 · at most $0.0042",
        "  user",
        "  │ Why is the sky blue?",
    ]
    assert flagged[1].startswith("  flag      ")


async def test_a_client_that_cannot_be_asked_was_not_asked() -> None:
    async def elicit(message: str, schema: dict[str, Any]) -> Mapping[str, Any]:
        raise RuntimeError("Method not found")

    answer = await ElicitationApprover(elicit).ask(question())
    assert (answer.approved, answer.asked) == (False, False)
    assert "Method not found" in answer.reason


async def test_one_question_at_a_time_and_none_after_its_deadline() -> None:
    open_, most = 0, 0

    async def elicit(message: str, schema: dict[str, Any]) -> Mapping[str, Any]:
        nonlocal open_, most
        open_ += 1
        most = max(most, open_)
        try:
            await anyio.sleep(30)
        finally:
            open_ -= 1
        return {}

    approver = ElicitationApprover(elicit)
    answers: list[Answer] = []

    async def ask() -> None:
        answers.append(await approver.ask(question(deadline=0.1)))

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(ask)
    assert [answer.approved for answer in answers] == [False] * 3
    assert (most, open_) == (1, 0)


@pytest.mark.parametrize("legacy", [True, False])
async def test_a_real_client_shows_the_form_and_its_answer_counts(legacy: bool) -> None:
    """The message and the schema go over the wire as they are, and the client's words come back."""
    server = MCPServer("gate")
    answers: list[Answer] = []
    shown: list[ElicitRequestParams] = []

    @server.tool()
    async def gate(ctx: Context) -> str:
        async def elicit(message: str, schema: dict[str, Any]) -> Mapping[str, Any]:
            result = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)
            dumped: dict[str, Any] = result.model_dump(by_alias=True, exclude_none=True)
            return dumped

        answers.append(await ElicitationApprover(elicit).ask(question()))
        return "done"

    async def person(context: object, params: ElicitRequestParams) -> ElicitResult:
        shown.append(params)
        return ElicitResult(action="accept", content={"decision": "approve for this session"})

    async with Client(server, elicitation_callback=person, mode="legacy" if legacy else "auto") as client:
        await client.call_tool("gate", {})
    if legacy:
        assert answers == [Answer(approved=True, remember="session", by="client")]
        assert isinstance(shown[0], ElicitRequestFormParams)
    else:  # a modern server sends no requests of its own: there is no way to ask like this
        assert [(answer.approved, answer.asked) for answer in answers] == [(False, False)]
