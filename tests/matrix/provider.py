"""A server that speaks OpenAI's Chat Completions, for the fallback example."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.models.providers import OpenAI

__all__ = ["openai_app"]


def openai_app(text: str, *, key: str) -> Starlette:
    """Answers everyone who has the key with ``text``."""

    async def complete(request: Request) -> JSONResponse:
        if request.headers.get("authorization") != f"Bearer {key}":
            return JSONResponse(OpenAI().error("Incorrect API key provided."), 401)
        body = await request.json()
        return JSONResponse({**OpenAI().answer(text), "model": body["model"]})

    return Starlette(routes=[Route("/chat/completions", complete, methods=["POST"])])
