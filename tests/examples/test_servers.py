"""What single examples promise beyond their answers: checked input, kept things, ways out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp import Client, MCPError

from tests.examples.running import written
from tests.matrix.clients import ERAS
from tests.matrix.places import environment, load, stdio
from upcall.errors import UnsupportedContent
from upcall.host import Host
from upcall.testing import ScriptedModel
from upcall.wire import ImageContent, SamplingRequest, TextContent, ToolResult, ToolUse

pytestmark = pytest.mark.anyio

Connect = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture(params=ERAS)
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Connect:
    """A client of an example in memory, on either era, whose model follows a script."""

    @asynccontextmanager
    async def connect(example: str, *script: Any) -> AsyncIterator[Client]:
        module = load(example, environment(tmp_path, "http://127.0.0.1:1"))
        host = Host(ScriptedModel(*script))
        async with Client(module.mcp, mode=request.param, **host.for_client(example)) as client:
            yield client

    return connect


async def called(client: Client, tool: str, **arguments: Any) -> types.CallToolResult:
    """A tool's result."""
    return await client.call_tool(tool, arguments)


def text_of(result: types.CallToolResult) -> str:
    """The text of a tool's result."""
    return "\n".join(block.text for block in result.content if isinstance(block, types.TextContent))


@pytest.mark.parametrize(
    ("example", "tool", "arguments"),
    [
        ("blog", "create_blog", {"title": "Harbours", "content": "Boats."}),
        ("product", "create_product", {"title": "Lamp", "keywords": ["warm"]}),
    ],
)
async def test_what_is_created_survives_a_restart(
    example: str, tool: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    lister = tool.replace("create", "list") + "s"
    created = []
    for run in ("first", "second"):
        # A process of its own each time.
        server = stdio(example, environment(tmp_path, "http://127.0.0.1:1"), tmp_path)
        host = Host(ScriptedModel(f"Written in the {run} run."))
        async with Client(server, **host.for_client(example)) as client:
            result = await called(client, tool, **arguments)
            assert result.structured_content is not None
            assert json.loads(text_of(result)) == result.structured_content
            created.append(result.structured_content["id"])
            listed = await called(client, lister)
    assert len(set(created)) == 2
    assert listed.structured_content is not None
    assert {entry["id"] for entry in listed.structured_content["result"]} == set(created)
    assert "Written in the first run." in text_of(listed)
    assert "Written in the second run." in text_of(listed)


@pytest.mark.parametrize(
    ("example", "tool", "arguments"),
    [
        ("blog", "create_blog", {"title": "  ", "content": "Boats."}),
        ("blog", "create_blog", {"title": "T" * 201, "content": "Boats."}),
        ("blog", "create_blog", {"title": "Harbours", "content": ""}),
        ("blog", "create_blog", {"title": "Harbours", "content": "b" * 50_001}),
        ("product", "create_product", {"title": "", "keywords": ["warm"]}),
        ("product", "create_product", {"title": "Lamp", "keywords": []}),
        ("product", "create_product", {"title": "Lamp", "keywords": ["warm", " "]}),
        ("product", "create_product", {"title": "Lamp", "keywords": ["warm"] * 21}),
    ],
)
async def test_wrong_input_is_refused_before_anyone_is_asked(
    example: str, tool: str, arguments: dict[str, Any], connect: Connect, tmp_path: Path
) -> None:
    async with connect(example) as client:  # a script without lines: the model must not be asked
        result = await called(client, tool, **arguments)
    assert result.is_error
    assert "validation error" in text_of(result)
    assert not written(tmp_path)


async def test_a_post_can_be_read_in_full_and_a_wrong_one_not(connect: Connect) -> None:
    async with connect("blog", "In short.") as client:
        await called(client, "create_blog", title="Robert'); DROP TABLE posts;--", content="Boats.")
        read = await client.read_resource("blog://1")
        assert isinstance(read.contents[0], types.TextResourceContents)
        assert read.contents[0].text == "# Robert'); DROP TABLE posts;--\n\n*In short.*\n\nBoats.\n"
        with pytest.raises(MCPError, match="There is no post 2"):
            await client.read_resource("blog://2")


async def test_a_products_line_is_one_line_whatever_it_contains(connect: Connect) -> None:
    async with connect("product", "Two\nlines\u2028and\x85more.") as client:
        await called(client, "create_product", title="Lamp\u2028shade", keywords=["warm"])
        listed = await called(client, "list_products")
    assert listed.structured_content is not None
    (product,) = listed.structured_content["result"]
    assert product["title"] == "Lamp\u2028shade"
    assert product["description"] == "Two\nlines\u2028and\x85more."


async def test_an_answer_that_is_no_text_is_archived_as_such(connect: Connect, tmp_path: Path) -> None:
    async with connect("log_archiver", ImageContent(data="AAAA", mime_type="image/png")) as client:
        result = await called(client, "process_log_entry", log_line="ERROR")
    assert not result.is_error
    report = (tmp_path / "incident_report.txt").read_text(encoding="utf-8")
    assert report == f"RAW LOG: ERROR\nAI ANALYSIS: (no analysis: the model answered with image)\n{'-' * 40}\n"


async def test_a_sentiment_of_the_wrong_type_is_asked_for_again_and_then_given_up(connect: Connect) -> None:
    wrong = [ToolUse(id=str(n), name="submit_result", input={"value": "great"}) for n in range(3)]
    right = ToolUse(id="3", name="submit_result", input={"value": "positive"})
    async with connect("sentiment", wrong[0], right, *wrong) as client:
        assert text_of(await called(client, "sentiment", text="Lovely!")) == "positive"
        assert text_of(await called(client, "sentiment", text="Lovely!")).startswith("unknown (The model did not")


async def test_the_agents_model_learns_what_was_wrong_with_its_tool_call(connect: Connect) -> None:
    uses = [
        ToolUse(id="1", name="search_notes", input={"word": "unicorn"}),
        ToolUse(id="2", name="calculate", input={"expression": "__import__('os')"}),
        ToolUse(id="3", name="calculate", input={"expression": "1 / 0"}),
        ToolUse(id="4", name="calculate", input={"expression": "(2 + 3) * 4 - 6 / 3"}),
    ]
    told: list[str] = []

    def conclude(request: SamplingRequest) -> str:
        results = [block for block in request.messages[-1].blocks if isinstance(block, ToolResult)]
        told.extend(block.content[0].text for block in results if isinstance(block.content[0], TextContent))
        return "Done."

    async with connect("agent", uses, conclude) as client:
        assert text_of(await called(client, "ask", question="?")) == "Done."
    assert told[0] == "No note contains 'unicorn'. There are notes on: office, staff, coffee, parking."
    assert told[1] == "Only numbers, + - * / and parentheses are understood."
    assert told[2].startswith("'1 / 0' cannot be calculated: ")
    assert float(told[3]) == 18


async def test_only_pictures_of_the_folder_are_shown(connect: Connect) -> None:
    async with connect("vision") as client:
        for name in ("../vision.py", "/etc/passwd", "nothing.png", ""):
            result = await called(client, "describe", picture=name)
            assert result.is_error
            assert "There are: blue_circle.png, red_square.png." in text_of(result)


async def test_a_model_that_cannot_see_says_so(tmp_path: Path) -> None:
    module = load("vision", environment(tmp_path, "http://127.0.0.1:1"))
    blind = Host(ScriptedModel(UnsupportedContent("This model takes text only.")))
    async with Client(module.mcp, mode="legacy", **blind.for_client("vision")) as client:
        result = await called(client, "describe", picture="red_square.png")
    assert result.is_error
    assert "This model takes text only." in text_of(result)
