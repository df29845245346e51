"""The servers of the matrix, started once for all of a worker's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.matrix.cases import EXAMPLES
from tests.matrix.places import environment, http_app, load, sampling_of, served, stdio
from tests.matrix.provider import openai_app
from upcall.server import Sampling

TRANSPORTS = ("memory", "stdio", "http", "stateless")


@dataclass(frozen=True)
class Place:
    """One example at one transport."""

    target: Any
    folder: Path
    """Where it keeps its things."""
    sampling: Sampling | None
    """Its server's `Sampling`, where this process can see it."""


PlaceOf: TypeAlias = Callable[[str, str], Place]


@pytest.fixture(scope="session")
def provider() -> Iterator[str]:
    """The address of an OpenAI-compatible server for fallbacks."""
    with served({"openai": openai_app("Hello from the fallback.", key="a-key")}) as urls:
        yield urls["openai"]


@pytest.fixture(scope="session")
def http_places(provider: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str], Place]]:
    """Every example over HTTP, with sessions and without."""
    apps, found = {}, {}
    for transport in ("http", "stateless"):
        for example in EXAMPLES:
            folder = tmp_path_factory.mktemp(f"{example}-{transport}")
            module = load(example, environment(folder, provider))
            apps[f"{transport}/{example}"] = http_app(module, stateless=transport == "stateless")
            found[transport, example] = (folder, sampling_of(module))
    with served(apps) as urls:
        yield {
            (transport, example): Place(f"{urls[f'{transport}/{example}']}/mcp", folder, sampling)
            for (transport, example), (folder, sampling) in found.items()
        }


@pytest.fixture
def place_of(request: pytest.FixtureRequest, provider: str, tmp_path: Path) -> PlaceOf:
    """Finds, or makes, the place of an example at a transport."""

    def find(example: str, transport: str) -> Place:
        if transport in ("http", "stateless"):
            places: dict[tuple[str, str], Place] = request.getfixturevalue("http_places")
            return places[transport, example]
        variables = environment(tmp_path, provider)
        if transport == "stdio":
            return Place(stdio(example, variables, tmp_path), tmp_path, None)
        module = load(example, variables)
        return Place(module.mcp, tmp_path, sampling_of(module))

    return find
