"""A model that is used on one event loop after another, with a provider that keeps its connections open."""

from __future__ import annotations

import gc

import anyio
import anyio.lowlevel
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.matrix.places import served
from tests.models.providers import PROVIDERS, Provider, ask
from upcall.models import Model


def lasting(provider: Provider) -> Starlette:
    """A provider that always answers the same, at any address."""

    async def answer(request: Request) -> JSONResponse:
        return JSONResponse(provider.answer())

    return Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])


async def once(model: Model) -> str:
    """One request, after which everything that nobody needs any more is gone."""
    with anyio.fail_after(30):
        text = (await model.complete(ask())).result.text
        gc.collect()
        await anyio.lowlevel.checkpoint()
        return text


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: type(one).__name__)
def test_a_client_of_a_closed_loop_is_dropped_in_peace(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    with served({"provider": lasting(provider)}) as urls:
        model = provider.model(urls["provider"])
        assert [anyio.run(once, model), anyio.run(once, model)] == ["Hi.", "Hi."]
        # The second client goes here, where the warning of its open connection is expected.
        del model
        gc.collect()
    assert "Event loop is closed" not in caplog.text
