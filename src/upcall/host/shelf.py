"""`Shelf`: the models of one host, by name. Each is loaded when it is first asked for, and stays."""

from __future__ import annotations

from collections.abc import Callable

from upcall.models import Model

__all__ = ["Shelf"]


class Shelf:
    """Finds models.

    Args:
        own: The model that the host was given.
        load: From a model string to the model; may raise a `ConfigurationError`.
    """

    def __init__(self, own: Model | None, load: Callable[[str], Model]) -> None:
        self._own = own
        self._load = load
        self._models: dict[str, Model] = {} if own is None else {own.name: own}

    def find(self, name: str) -> Model:
        """The model of that name.

        Raises:
            ConfigurationError: There is no such model.
        """
        model = self._models.get(name)
        if model is None:
            model = self._models[name] = self._load(name)
        return model

    def forget(self, prefix: str) -> None:
        """Have models whose names begin like that loaded anew."""
        for name in [
            name for name, model in self._models.items() if name.startswith(prefix) and model is not self._own
        ]:
            del self._models[name]

    async def aclose(self) -> None:
        """Close all of them."""
        for model in list(self._models.values()):
            await model.aclose()
