"""A fallback: a model of the server's own answers for clients that cannot sample.

It shows `Sampling(fallback=...)`. The client's model comes first; where there is none, the server asks a provider
itself, any that speaks OpenAI's Chat Completions:

    export FALLBACK_MODEL=gpt-5.4-mini                    # the default model
    export FALLBACK_API_KEY=...                           # OPENAI_API_KEY when left out
    export FALLBACK_BASE_URL=http://localhost:11434/v1    # OpenAI when left out; this one is Ollama

    python examples/fallback.py             # stdio
    python examples/fallback.py --http      # http://localhost:8000/mcp
"""

import os

from mcp.server import MCPServer

from _serve import serve
from upcall.models import OpenAIModel
from upcall.server import Sampling, sample

fallback = OpenAIModel(
    os.environ.get("FALLBACK_MODEL") or "gpt-5.4-mini",
    api_key=os.environ.get("FALLBACK_API_KEY"),
    base_url=os.environ.get("FALLBACK_BASE_URL"),
)
# A model string does the same in short, and "local/smollm2" needs neither key nor network. Attached, `Sampling` closes
# the model's connections when the server stops.
mcp = Sampling(fallback=fallback).attach(MCPServer("fallback"))


@mcp.tool()
async def hello() -> str:
    """Say hello to whichever model answers."""
    reply = await sample(messages=["hello world!"])
    return f"{reply.model} ({reply.route}): {reply}"


if __name__ == "__main__":
    serve(mcp, __doc__)
