"""Programs and servers that several tests of this folder use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.npm import Programs, install
from tests.conformance.serving import serving


@pytest.fixture(scope="session")
def programs() -> Programs:
    return install()


@pytest.fixture(scope="session")
def http_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `tests.interop.server`."""
    with serving("tests.interop.server", tmp_path_factory.mktemp("interop") / "log", "--http") as url:
        yield url
