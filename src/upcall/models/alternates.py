"""`Alternates`: models that stand in for one another, in order, when one is down or rate limited."""

from __future__ import annotations

from collections.abc import Sequence

from upcall.errors import ConfigurationError, ModelTimedOut, ModelUnavailable, RateLimited, SamplingError
from upcall.models._attempts import Tries, told
from upcall.models.base import Adjustment, Completion, Model
from upcall.wire import SamplingRequest

__all__ = ["Alternates"]


_DOWN = (RateLimited, ModelUnavailable, ModelTimedOut)


class Alternates:
    """A `Model` that asks the first of ``models``, and the next one when that is down or rate limited.

    *Down* is `ModelUnavailable` and `ModelTimedOut`. Anything else is the request's fault or the operator's, and is
    raised as it is: another model must not answer because the first one has no key. Time is shared: give each model a
    timeout of its own that leaves some for the next.

    The result names the model that answered, `Completion.answered_by` its model string; who failed before it, and why,
    are adjustments of the field ``model``. `Completion.attempts` counts the calls of all of them.

    Args:
        models: At least one, in the order in which they are tried.

    Raises:
        ConfigurationError: There is none.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        if not models:
            raise ConfigurationError("Alternates needs at least one model.")
        self._models = tuple(models)

    @property
    def name(self) -> str:
        """The name of the first model: the one that was chosen."""
        return self._models[0].name

    def __repr__(self) -> str:
        return f"Alternates({list(self._models)!r})"

    async def complete(self, request: SamplingRequest) -> Completion:
        """Complete ``request`` with the first model that can.

        Raises:
            SamplingError: The failure of the first model that is neither down nor rate limited; or, where all are, of
                the last.
        """
        tries = Tries()
        remaining = iter(self._models)
        model = next(remaining)
        while True:
            try:
                completion = await model.complete(request)
            except SamplingError as error:
                tries.add(error)
                alternate = next(remaining, None) if isinstance(error, _DOWN) else None
                if alternate is None:
                    tries.failed(error)
                    raise
                reason = f"{model.name} failed with {told(error)} {alternate.name} is asked instead."
                tries.told.append(Adjustment(field="model", action="replaced", reason=reason))
                model = alternate
            else:
                answered_by = "" if model is self._models[0] else model.name
                return tries.completed(completion, answered_by=answered_by)

    async def aclose(self) -> None:
        """Close all of them."""
        for model in self._models:
            await model.aclose()
