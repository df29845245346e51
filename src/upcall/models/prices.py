"""What a call costs, in millionths of a US dollar (*micro-USD*), before it and after it.

Prices come from the operator first, then from the list in the installed package ``genai-prices``; nothing is fetched.
A price that nobody knows is ``None``, never 0. Sums are rounded up to the next micro-USD.

**The bound before a call** holds for whatever the model makes of the request, so that a reservation covers it:

* text: one token for each byte of UTF-8 (a token of today's tokenizers is at least one byte; prose is about a
  quarter of that), JSON for each byte as it is sent;
* for the provider's own words around it: 512 tokens a request, 32 a block, 1,024 where there are tools;
* an image: 8,000 tokens, 50,000 for ``gpt-4o-mini``; a sound: one token for 32 bytes;
* all of it at the dearest rate for input that the model has (audio, or written to a cache);
* answer: ``maxTokens``, or the fewest tokens that the provider lets itself be limited to, at the dearest rate too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from upcall.errors import ConfigurationError
from upcall.models._bounds import input_bound, output_bound
from upcall.models._tokens import listed_tokens
from upcall.models.addresses import divided
from upcall.models.base import Usage
from upcall.wire import SamplingRequest

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot

__all__ = ["Cost", "Estimate", "Overrides", "Rates", "Source", "estimate", "price_of", "snapshot"]

Source: TypeAlias = Literal["genai-prices", "override", "local", "unknown"]
"""Where a price is from: the list, the operator, a model that runs here and costs nothing, or nowhere."""

_RELEASE = re.compile(r"-(?:20\d\d-?[01]\d-?[0-3]\d|latest)$")


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator says a model costs, in US dollars per million tokens.

    Raises:
        ConfigurationError: A rate is negative or no number.
    """

    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    """Input that the provider's cache served; as ``input`` when ``None``."""

    def __post_init__(self) -> None:
        for rate in (self.input, self.output, self.cached_input):
            if rate is not None and not (rate.is_finite() and rate >= 0):
                raise ConfigurationError(f"A price is 0 or more US dollars per million tokens, not {rate}.")

    def price(self, tokens: Usage) -> int:
        """What ``tokens`` cost, in micro-USD. US dollars per million tokens are micro-USD per token."""
        cached = min(tokens.cached_input_tokens, tokens.input_tokens)
        cached_rate = self.input if self.cached_input is None else self.cached_input
        return _up(
            self.input * (tokens.input_tokens - cached) + cached_rate * cached + self.output * tokens.output_tokens
        )


Overrides: TypeAlias = Callable[[str], Rates | None]
"""The operator's rates for a model string, ``None`` where there are none; a dictionary's ``get`` will do."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What something costs. ``str(cost)`` is for people: ``$0.0042``, ``free``, ``price unknown``."""

    micro_usd: int | None
    """Millionths of a US dollar, rounded up; ``None`` when nobody knows."""
    snapshot: str
    """Version of the price list, whether or not the price is from there."""
    source: Source

    def __str__(self) -> str:
        if self.micro_usd is None:
            return "price unknown"
        if self.micro_usd == 0:
            return "free"
        return f"${self.micro_usd / 1e6:,.{2 if self.micro_usd >= 10**6 else 4 if self.micro_usd >= 100 else 6}f}"


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """The most that a call can take."""

    input_tokens: int
    output_tokens: int
    cost: Cost

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens


@cache
def snapshot() -> str:
    """The version of the price list, such as ``genai-prices 0.2.3``. Does not load it."""
    from importlib.metadata import version

    return f"genai-prices {version('genai-prices')}"


def price_of(
    model: str, usage: Usage | None, overrides: Overrides | None = None, *, at: datetime | None = None
) -> Cost:
    """What a call has cost.

    Args:
        model: The model string that was called.
        usage: The tokens that the provider counted; ``None``, when it did not, makes the cost unknown unless the
            model runs here.
        overrides: The operator's rates. They win over everything else.
        at: When the call was made, for prices that change; now when ``None``.
    """
    rates = overrides(model) if overrides is not None else None
    if rates is not None:
        return _cost(None if usage is None else rates.price(usage), "override")
    if _runs_here(model):
        return _cost(0, "local")
    if usage is None:
        return _cost(None, "unknown")
    return _cost(_listed(model, usage, at), "genai-prices")


def estimate(
    model: str, request: SamplingRequest, overrides: Overrides | None = None, *, at: datetime | None = None
) -> Estimate:
    """The most that ``request`` can cost with ``model``, by the rules at the head of this module.

    Args:
        model: A model string.
        request: As the model will see it.
        overrides: As in `price_of`.
        at: When it will be called; now when ``None``.

    Raises:
        InvalidRequest: The request's JSON is nested too deeply to be sent anywhere.
    """
    bound = input_bound(model, request)
    most = Usage(input_tokens=bound.tokens, output_tokens=output_bound(model, request))
    rates = overrides(model) if overrides is not None else None
    if rates is not None:
        dearest = max(rates.price(most), rates.price(msgspec.structs.replace(most, cached_input_tokens=bound.tokens)))
        cost = _cost(dearest, "override")
    elif _runs_here(model):
        cost = _cost(0, "local")
    else:
        cost = _cost(_dearest(model, most, bound.audio_tokens, at), "genai-prices")
    return Estimate(input_tokens=most.input_tokens, output_tokens=most.output_tokens, cost=cost)


def _dearest(model: str, most: Usage, audio_tokens: int, at: datetime | None) -> int | None:
    """The price of ``most`` as what costs most: its input plain, written to a cache, or ``audio_tokens`` of it as
    sound; its output text, sound or images."""
    price, changed = _listed(model, most, at), msgspec.structs.replace
    if price is None:
        return None
    ways = [changed(most, cache_write_tokens=most.input_tokens), changed(most, input_audio_tokens=audio_tokens)]
    for way in ways if audio_tokens else ways[:1]:
        other = _listed(model, way, at)
        if other is not None and other > price:
            price, most = other, way
    spoken = changed(most, output_audio_tokens=most.output_tokens)
    drawn = changed(most, output_image_tokens=most.output_tokens)
    return max(price, *(_listed(model, way, at) or 0 for way in (spoken, drawn)))


def _cost(micro_usd: int | None, source: Source) -> Cost:
    return Cost(micro_usd=micro_usd, snapshot=snapshot(), source="unknown" if micro_usd is None else source)


def _runs_here(model: str) -> bool:
    return model.startswith("local/")


def _listed(model: str, tokens: Usage, at: datetime | None) -> int | None:
    """The price by the list; a release with a date, or ``-latest``, costs what the list says of it or of its model."""
    provider, _, rest = model.partition("/")
    name, address = divided(rest)
    undated = _RELEASE.sub("", name)
    for known_as in (name, undated) if undated != name else (name,):
        found = _calculated(known_as, provider, address, tokens, at)
        if found is not None:
            return found
    return None


def _calculated(name: str, provider: str, address: str | None, tokens: Usage, at: datetime | None) -> int | None:
    from genai_prices import Usage as Listed

    try:
        # By the address where there is one: somebody else's server has somebody else's prices.
        found = _list().calc(Listed(**listed_tokens(tokens)), name, None if address else provider, address, at)
    except (LookupError, ValueError):
        return None
    rates: Any = found.model_price
    # Without a price for tokens of either kind the sum would leave them out: unknown, not free.
    if rates.input_mtok is None or rates.output_mtok is None:
        return None
    return _up(found.total_price * 1_000_000)


@cache
def _list() -> DataSnapshot:
    """The list of the installed version: never one that something in this process has downloaded meanwhile."""
    from genai_prices.data import providers
    from genai_prices.data_snapshot import DataSnapshot

    return DataSnapshot(providers=providers, from_auto_update=False)


def _up(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_CEILING))
