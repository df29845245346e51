"""Stage *check the reply*: what leaves is what was asked for, in the shape the asker can read."""

from __future__ import annotations

import msgspec

from upcall.errors import InvalidAnswer
from upcall.host.engine.exchange import Exchange
from upcall.host.engine.stage import Rest, Steps
from upcall.models import Adjustment
from upcall.wire import ContentBlock, TextContent, check_result

__all__ = ["fit", "reply"]

_MERGED = Adjustment(field="content", action="merged", reason="The answer's text blocks were joined into one.")
_EMPTY = Adjustment(field="content", action="converted", reason="The answer was empty; it goes out as empty text.")


def reply(exchange: Exchange, rest: Rest) -> Steps[None]:
    """Check the answer; without tools in the request, bring it down to a single block.

    Lists came with tools (2025-11-25, SEP-1577): askers without tools, and all older ones, read one block.
    """
    yield from rest()
    fit(exchange)


def fit(exchange: Exchange) -> None:
    """The check by itself, for an answer that was changed.

    Raises:
        InvalidAnswer: It is not what was asked for.
    """
    check_result(exchange.completion.result, exchange.request)
    if not exchange.request.wants_tools and isinstance(exchange.completion.result.content, list):
        _to_single_block(exchange, exchange.completion.result.content)


def _to_single_block(exchange: Exchange, blocks: list[ContentBlock]) -> None:
    texts = [block for block in blocks if isinstance(block, TextContent)]
    block: ContentBlock
    if len(blocks) == 1:
        block = blocks[0]
    elif len(texts) == len(blocks):
        exchange.adjustments.append(_MERGED if texts else _EMPTY)
        block = TextContent(text="".join(text.text for text in texts))
    else:
        raise InvalidAnswer(f"The answer has {len(blocks)} content blocks where the request allows a single one.")
    result = msgspec.structs.replace(exchange.completion.result, content=block)
    exchange.completion = msgspec.structs.replace(exchange.completion, result=result)
