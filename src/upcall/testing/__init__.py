"""For authors who test servers, clients and hosts that sample: models that follow a script."""

from upcall.testing.scripted import ScriptedModel, ScriptExhausted

__all__ = ["ScriptedModel", "ScriptExhausted"]
