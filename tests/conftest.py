"""Fixtures that every room's tests share."""

from __future__ import annotations

import signal

import pytest
from hypothesis import HealthCheck, settings

from upcall.models.embedded import EmbeddedModel, find_weights

# How long anything takes is a matter of the machine, and of what else it does.
settings.register_profile("upcall", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("upcall")

# What a shell starts in the background ignores the first of these, and under nohup the second; programs that tests
# interrupt would inherit that. They do not inherit a handler.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Parking needs asyncio, so the suite runs on it."""
    return "asyncio"


@pytest.fixture(scope="session")
def embedded_model() -> EmbeddedModel:
    """The real model, loaded once for the whole session. Mark what uses it with ``embedded``."""
    if find_weights() is None:
        pytest.fail("The embedded model is not installed. Run `make setup`.")
    return EmbeddedModel()
