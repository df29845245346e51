"""What every encoder of a provider does first and last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from upcall.models.codecs import quirks
from upcall.models.codecs._encoded import Encoded, start
from upcall.models.codecs._names import ToolNames
from upcall.models.codecs._numbers import temperature_within
from upcall.models.codecs._turns import turns_of
from upcall.wire import SamplingRequest

__all__ = ["Draft"]


class Draft:
    """A request on its way into a provider's words: checked, reduced to turns, its tools named.

    Args:
        request: What was asked.
        model: The provider's name for the model.
        refused: Parameters that this model is known to refuse.
        name_limit: The longest name of a tool that the provider takes, in characters.
        any_start: Whether such a name may begin with a digit or a dash.
        is_empty: Whether the provider refuses a text as empty.

    Raises:
        InvalidRequest: The request breaks a rule of the protocol.
        UnsupportedContent: Nothing but empty text in the whole request.
    """

    def __init__(
        self,
        request: SamplingRequest,
        *,
        model: str,
        refused: frozenset[str],
        name_limit: int,
        any_start: bool = True,
        is_empty: Callable[[str], bool] = lambda text: not text,
    ) -> None:
        self.request = request
        self.model = model
        self.refused = refused
        self.notes = start(request)
        self.names = ToolNames(request, limit=name_limit, notes=self.notes, any_start=any_start)
        self.turns = turns_of(request, self.notes, is_empty=is_empty, prefill=quirks.PREFILL not in refused)
        self._is_empty = is_empty

    def system_prompt(self) -> str | None:
        """The system prompt to send, or ``None`` to send none."""
        asked = self.request.system_prompt
        if asked is not None and self._is_empty(asked):
            self.notes.add("systemPrompt", "dropped", "Empty text is not sent.")
            return None
        return asked

    def temperature(self, most: float) -> float | None:
        """The temperature to send, from 0 to ``most``, or ``None`` to send none."""
        return temperature_within(self.request.temperature, most, self.notes, refused="temperature" in self.refused)

    def encoded(
        self,
        body: dict[str, Any],
        *,
        cut_at: tuple[str, ...],
        negotiable: frozenset[str],
        headers: Mapping[str, str] | None = None,
    ) -> Encoded:
        """The finished request. ``negotiable`` are those parameters in it that can be left out."""
        return Encoded(
            model=self.model,
            body=body,
            headers=dict(headers or {}),
            adjustments=self.notes.all(),
            names=self.names.inward,
            cut_at=cut_at,
            negotiable=quirks.negotiable(negotiable, self.turns),
        )
