"""What a call costs: by the list, by the operator, by nobody's knowledge; and the bound before it."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upcall.errors import ConfigurationError
from upcall.models import Usage
from upcall.models.codecs import openai_responses
from upcall.models.embedded import EmbeddedModel
from upcall.models.prices import Cost, Rates, estimate, price_of, snapshot
from upcall.wire import (
    AudioContent,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    SamplingMessage,
    SamplingRequest,
    TextContent,
    Tool,
    ToolResult,
    ToolUse,
)

_AT = datetime(2026, 11, 1, tzinfo=UTC)
_MILLION = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
_MINE = {"openai/llama3@http://localhost:11434/v1": Rates(input=Decimal("0.5"), output=Decimal(2))}


def _request(
    *blocks: ContentBlock, max_tokens: int = 100, system_prompt: str | None = None, tools: list[Tool] | None = None
) -> SamplingRequest:
    messages = [SamplingMessage(role="user", content=list(blocks) or [TextContent(text="Hello")])]
    return SamplingRequest(messages=messages, max_tokens=max_tokens, system_prompt=system_prompt, tools=tools)


@pytest.mark.parametrize(
    ("model", "usd"),
    [
        ("anthropic/claude-3-5-sonnet-20241022", 18),
        ("anthropic/claude-opus-4-1", 90),
        ("anthropic/claude-3-5-haiku-latest", 4.8),
        ("openai/gpt-4o-mini", 0.75),
        ("openai/gpt-4o-2024-05-13", 20),
        ("openai/gpt-4.1-mini-2025-04-14", 2),
        ("openai/gpt-4o@https://api.openai.com/v1", 12.5),
        ("google/gemini-2.0-flash", 0.5),
    ],
)
def test_a_listed_model_costs_what_the_list_says(model: str, usd: float) -> None:
    cost = price_of(model, _MILLION, at=_AT)
    assert cost == Cost(micro_usd=round(usd * 1_000_000), snapshot=snapshot(), source="genai-prices")


def test_a_release_that_the_list_does_not_name_costs_what_its_model_costs() -> None:
    assert price_of("openai/gpt-4o-2031-12-24", _MILLION, at=_AT) == price_of("openai/gpt-4o", _MILLION, at=_AT)


def test_cached_input_has_its_own_price_where_the_list_has_one() -> None:
    usage = Usage(input_tokens=1_000_000, cached_input_tokens=900_000, output_tokens=0)
    assert price_of("openai/gpt-4o", usage, at=_AT).micro_usd == 100_000 * 2.5 + 900_000 * 1.25
    assert price_of("anthropic/claude-3-5-sonnet-20241022", usage, at=_AT).micro_usd == 100_000 * 3 + 900_000 * 0.3
    assert price_of("openai/gpt-4-turbo", usage, at=_AT).micro_usd == 10_000_000


def test_more_cached_than_input_counts_as_all_of_it() -> None:
    odd = Usage(input_tokens=1_000, cached_input_tokens=5_000, output_tokens=0)
    all_cached = Usage(input_tokens=1_000, cached_input_tokens=1_000, output_tokens=0)
    assert price_of("openai/gpt-4o", odd, at=_AT) == price_of("openai/gpt-4o", all_cached, at=_AT)
    assert Rates(input=Decimal(3), output=Decimal(1), cached_input=Decimal(1)).price(odd) == 1_000


@pytest.mark.parametrize("model", ["anthropic/claude-sonnet-4-5", "anthropic/claude-haiku-4-5"])
def test_what_is_written_to_the_cache_costs_more_than_plain_input_and_most_when_it_is_kept_long(model: str) -> None:
    plain = Usage(input_tokens=1_000_000, output_tokens=0)
    written = msgspec.structs.replace(plain, cache_write_tokens=1_000_000)
    kept = msgspec.structs.replace(written, cache_write_1h_tokens=1_000_000)
    read = msgspec.structs.replace(plain, cached_input_tokens=1_000_000)
    base, *others = (price_of(model, usage, at=_AT).micro_usd for usage in (plain, written, kept, read))
    assert base
    assert others == [base * 5 // 4, base * 2, base // 10]


def test_sound_and_images_have_their_own_prices() -> None:
    plain = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    heard = msgspec.structs.replace(plain, input_audio_tokens=400_000, output_audio_tokens=100_000)
    audio = price_of("openai/gpt-audio", heard, at=_AT).micro_usd
    text = price_of("openai/gpt-audio", plain, at=_AT).micro_usd
    assert (text, audio) == (12_500_000, 2_500_000 * 0.6 + 32_000_000 * 0.4 + 10_000_000 * 0.9 + 64_000_000 * 0.1)
    drawn = Usage(input_tokens=0, output_tokens=1_290, output_image_tokens=1_290)
    assert price_of("google/gemini-2.5-flash-image", drawn, at=_AT).micro_usd == 1_290 * 30


def test_sound_from_the_cache_is_priced_once_and_dear_where_nobody_says_how_much_it_is() -> None:
    told = Usage(
        input_tokens=1_000, cached_input_tokens=500, input_audio_tokens=600, cached_audio_tokens=300, output_tokens=0
    )
    untold = msgspec.structs.replace(told, cached_audio_tokens=0)
    least = msgspec.structs.replace(told, cached_audio_tokens=100)
    known = price_of("google/gemini-2.5-flash", told, at=_AT).micro_usd
    guessed = price_of("google/gemini-2.5-flash", untold, at=_AT).micro_usd
    assert known is not None
    assert guessed is not None
    assert guessed > known
    assert guessed == price_of("google/gemini-2.5-flash", least, at=_AT).micro_usd


_COUNTS = st.integers(0, 3_000)
_USAGES = st.builds(Usage, **dict.fromkeys(Usage.__struct_fields__, _COUNTS))
_LISTED = [
    "anthropic/claude-sonnet-4-5",
    "openai/gpt-audio",
    "openai/gpt-5.4-mini",
    "google/gemini-2.5-flash",
    "google/gemini-2.5-flash-image",
]


@given(st.sampled_from(_LISTED), _USAGES)
def test_whatever_parts_a_provider_counts_the_price_stays_known_and_within_the_bound(model: str, usage: Usage) -> None:
    request = _request(AudioContent(data="A" * 32 * 3_000, mime_type="audio/wav"), max_tokens=3_000)
    usage = msgspec.structs.replace(usage, cache_write_1h_tokens=0)
    most = estimate(model, request, at=_AT).cost.micro_usd
    spent = price_of(model, usage, at=_AT).micro_usd
    assert most is not None
    assert spent is not None
    assert 0 <= spent <= most


def test_the_bound_knows_the_lowest_limit_that_the_provider_takes() -> None:
    short = _request(max_tokens=3)
    for model, tokens in (("openai-responses/gpt-5.4-mini", 16), ("openai/gpt-5.4-mini", 3), ("google/x", 3)):
        assert estimate(model, short).output_tokens == tokens
    assert estimate("openai-responses/gpt-5.4-mini", _request(max_tokens=17)).output_tokens == 17
    sent = openai_responses.encode(short, model="gpt-5.4-mini").body["max_output_tokens"]
    assert sent == estimate("openai-responses/gpt-5.4-mini", short).output_tokens


def test_a_long_prompt_costs_more_where_the_list_says_so() -> None:
    short = price_of("google/gemini-1.5-pro", Usage(input_tokens=100_000, output_tokens=0), at=_AT)
    long = price_of("google/gemini-1.5-pro", Usage(input_tokens=200_000, output_tokens=0), at=_AT)
    assert (short.micro_usd, long.micro_usd) == (125_000, 500_000)


@pytest.mark.parametrize(
    "model",
    [
        "openai/no-such-model",
        "openai/llama3@http://localhost:11434/v1",
        "openai/gpt-4o@https://models.example/v1",
        "anthropic/gpt-4o",
        "command/assistant",
        "handler",
        "",
        "google/gemma-3",  # listed without a price
        "openai/text-embedding-3-small",  # has a price for input alone
    ],
)
def test_a_price_that_nobody_knows_is_none_and_never_zero(model: str) -> None:
    assert price_of(model, _MILLION, at=_AT) == Cost(micro_usd=None, snapshot=snapshot(), source="unknown")
    assert estimate(model, _request(), at=_AT).cost.micro_usd is None


def test_without_a_count_of_tokens_the_cost_is_unknown() -> None:
    assert price_of("openai/gpt-4o", None, at=_AT).micro_usd is None
    assert price_of("openai/gpt-4o", None, lambda model: Rates(input=Decimal(1), output=Decimal(1))).source == "unknown"


def test_a_model_that_runs_here_is_free_and_says_why() -> None:
    for usage in (_MILLION, None):
        cost = price_of("local/smollm2", usage)
        assert (cost.micro_usd, cost.source) == (0, "local")
    assert estimate("local/smollm2", _request()).cost.source == "local"


def test_the_operators_rates_win() -> None:
    assert price_of("openai/llama3@http://localhost:11434/v1", _MILLION, _MINE.get).micro_usd == 2_500_000
    everything = Rates(input=Decimal(1), output=Decimal(2), cached_input=Decimal("0.25"))
    for model in ("openai/gpt-4o", "local/smollm2", "command/x"):
        usage = Usage(input_tokens=10, cached_input_tokens=8, output_tokens=1)
        cost = price_of(model, usage, lambda model: everything)
        assert (cost.micro_usd, cost.source) == (2 + 2 + 2, "override")
        assert estimate(model, _request(), lambda model: everything).cost.source == "override"


@pytest.mark.parametrize("rate", ["-1", "NaN", "Infinity"])
def test_a_rate_is_a_number_from_zero_up(rate: str) -> None:
    with pytest.raises(ConfigurationError, match="US dollars per million tokens"):
        Rates(input=Decimal(1), output=Decimal(rate))


def test_sums_are_rounded_up() -> None:
    one = Usage(input_tokens=1, output_tokens=0)
    assert price_of("openai/gpt-4o-mini", one, at=_AT).micro_usd == 1
    assert Rates(input=Decimal("0.01"), output=Decimal(0)).price(one) == 1


@pytest.mark.parametrize(
    ("micro_usd", "said"),
    [(None, "price unknown"), (0, "free"), (1, "$0.000001"), (4_215, "$0.0042"), (12_345_678_901, "$12,345.68")],
)
def test_a_cost_is_said_in_dollars(micro_usd: int | None, said: str) -> None:
    assert str(Cost(micro_usd=micro_usd, snapshot="", source="genai-prices")) == said


_TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=200)


@given(_TEXTS, _TEXTS, st.integers(0, 4_096))
def test_the_bound_covers_a_token_for_every_byte(prompt: str, system: str, max_tokens: int) -> None:
    most = estimate("openai/gpt-4o", _request(TextContent(text=prompt), max_tokens=max_tokens, system_prompt=system))
    size = len(prompt.encode("utf-8", "surrogatepass")) + len(system.encode("utf-8", "surrogatepass"))
    assert most.input_tokens > size
    assert most.total_tokens == most.input_tokens + max_tokens
    spent = price_of("openai/gpt-4o", Usage(input_tokens=size, output_tokens=max_tokens))
    assert spent.micro_usd is not None
    assert most.cost.micro_usd is not None
    assert most.cost.micro_usd >= spent.micro_usd


def test_everything_that_a_model_reads_counts() -> None:
    image = ImageContent(data="iVBO", mime_type="image/png")
    sound = AudioContent(data=base64.b64encode(bytes(320_000)).decode(), mime_type="audio/wav")
    use = ToolUse(id="1", name="look", input={"query": "x" * 1_000})
    result = ToolResult(
        tool_use_id="1",
        content=[
            TextContent(text="y" * 1_000),
            EmbeddedResource(resource={"uri": "file:///a", "text": "z" * 1_000}),
            EmbeddedResource(resource={"uri": "file:///b", "mimeType": "image/png", "blob": "iVBO"}),
            EmbeddedResource(resource={"uri": "file:///c", "blob": "AAAA" * 1_000}),
        ],
        structured_content={"w": "w" * 1_000},
    )
    tool = Tool(name="look", input_schema={"type": "object", "description": "v" * 1_000})
    floor = estimate("openai/gpt-4o", _request()).input_tokens

    def added(*blocks: ContentBlock, tools: list[Tool] | None = None) -> int:
        request = _request(TextContent(text="Hello"), *blocks, tools=tools)
        return estimate("openai/gpt-4o", request).input_tokens - floor

    assert added(image) >= 8_000
    assert added(sound) >= 10_000
    assert added(use) >= 1_000
    assert added(result) >= 3_000 + 8_000 + 4_000
    assert added(tools=[tool]) >= 1_000
    assert estimate("openai/gpt-4o-mini", _request(image)).input_tokens >= 48_169


def test_the_bound_takes_the_dearest_rate_for_input() -> None:
    sound = AudioContent(data="A" * 3_200, mime_type="audio/wav")
    as_sound = estimate("google/gemini-2.0-flash", _request(sound), at=_AT)
    as_text = price_of(
        "google/gemini-2.0-flash", Usage(input_tokens=as_sound.input_tokens, output_tokens=100), at=_AT
    ).micro_usd
    assert as_text is not None
    assert as_sound.cost.micro_usd is not None
    assert as_sound.cost.micro_usd > as_text
    dear_cache = Rates(input=Decimal(1), output=Decimal(1), cached_input=Decimal(3))
    bound = estimate("x/y", _request(), lambda model: dear_cache)
    assert bound.cost.micro_usd == 3 * bound.input_tokens + 100


@pytest.mark.anyio
@pytest.mark.embedded
@pytest.mark.slow
async def test_a_real_tokenizer_stays_within_the_bound(embedded_model: EmbeddedModel) -> None:
    for text in ("Hello", "🧿🪬⟁ ﷽ 𒐫 " * 40, "x9$Qz~7 " * 60, "\u202e\u200b\x07" * 50):
        request = _request(TextContent(text=text), max_tokens=1)
        usage = (await embedded_model.complete(request)).usage
        assert usage is not None
        assert usage.input_tokens <= estimate("local/smollm2", request).input_tokens


def test_the_list_is_loaded_when_it_is_needed() -> None:
    code = (
        "import sys, upcall.models.prices as p; from upcall.models import Usage;"
        "u = Usage(input_tokens=1, output_tokens=1);"
        "assert p.price_of('local/smollm2', u).snapshot.startswith('genai-prices ');"
        "assert not {'pydantic', 'genai_prices', 'httpx2'} & set(sys.modules);"
        "p.price_of('openai/gpt-4o', u); assert 'genai_prices' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=dict(os.environ))
