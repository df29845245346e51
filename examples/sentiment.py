"""Sentiment: one word of three, whatever the model is inclined to say.

It shows `result_type` (an answer of the wrong type goes back to the model), model preferences, a time limit, many
samples at once, and a tool that stays useful when there is no model to ask.

    python examples/sentiment.py            # stdio
    python examples/sentiment.py --http     # http://localhost:8000/mcp
"""

import asyncio
from typing import Literal

from mcp.server import MCPServer

from _serve import serve
from upcall.errors import SamplingError
from upcall.server import Sampling, sample
from upcall.wire import ModelHint, ModelPreferences

Sentiment = Literal["positive", "negative", "neutral"]

# A small fast model will do. Hints are tried in order; the client has the last word.
SMALL_AND_FAST = ModelPreferences(
    hints=[ModelHint(name="claude-3-haiku"), ModelHint(name="claude-3-sonnet")],
    intelligence_priority=0.2,
    speed_priority=0.9,
    cost_priority=0.8,
)

mcp = MCPServer("sentiment", middleware=[Sampling()])


@mcp.tool()
async def sentiment(text: str) -> str:
    """Tell whether a text is positive, negative or neutral."""
    try:
        return await judge(text)
    except SamplingError as error:
        return f"unknown ({error})"


@mcp.tool()
async def sentiments(texts: list[str]) -> dict[str, int]:
    """Count the positive, negative and neutral ones among several texts."""
    # Samples that run side by side go out together: one round trip, however many texts there are.
    words = await asyncio.gather(*map(judge, texts))
    return {word: words.count(word) for word in ("positive", "negative", "neutral")}


async def judge(text: str) -> Sentiment:
    """The sentiment of one text."""
    reply = await sample(
        f"What is the sentiment of this text? {text}",
        system="You judge sentiment. Answer with one word: positive, negative or neutral.",
        result_type=Sentiment,
        preferences=SMALL_AND_FAST,
        max_tokens=50,
        timeout=120,
    )
    word: Sentiment = reply.result
    return word


if __name__ == "__main__":
    serve(mcp, __doc__)
