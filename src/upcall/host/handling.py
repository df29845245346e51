"""`handler`: a plain function as a model.

::

    def answer(messages, params, context) -> str: ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from anyio import to_thread

from upcall.errors import ConfigurationError, InvalidAnswer
from upcall.host.context import current_context
from upcall.host.sdk import result_of_sdk
from upcall.models import Completion, Model
from upcall.wire import SamplingRequest, SamplingResult, TextContent, decode_result

__all__ = ["HandlerFunction", "handler"]

HandlerFunction: TypeAlias = Callable[..., Any]
"""``(messages, params, context)``, or only the first one or two of them; sync or async. Gives a ``str``, a
`SamplingResult`, a `Completion`, the result as a ``dict``, or ``mcp_types.CreateMessageResult(WithTools)``."""


def handler(function: HandlerFunction, *, name: str | None = None) -> Model:
    """Turn ``function`` into a model.

    It receives ``messages`` (``list[SamplingMessage]``), ``params`` (the whole `SamplingRequest`) and ``context``
    (a `SamplingContext`: ``request_id``, ``server`` …), or as many of these as it has positional parameters.
    A sync function runs in a worker thread; when its request is cancelled it cannot be stopped, so it runs on and
    its answer is thrown away. Keeping to ``params.max_tokens`` is the function's own duty.

    Args:
        function: The function.
        name: Name for records, and for results that do not name a model; ``handler/<function's name>`` by default.

    Raises:
        ConfigurationError: The function cannot be called in this way.
    """
    called = getattr(function, "__name__", type(function).__name__)
    return _Handler(function, name=name or f"handler/{called.strip('<>')}", arity=_arity(function, called))


class _Handler:
    def __init__(self, function: HandlerFunction, *, name: str, arity: int) -> None:
        self._function = function
        self._name = name
        self._arity = arity
        self._is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - the method itself is asked for
        )

    @property
    def name(self) -> str:
        return self._name

    async def complete(self, request: SamplingRequest) -> Completion:
        arguments = (list(request.messages), request, current_context())[: self._arity]
        if self._is_async:
            answer = await self._function(*arguments)
        else:
            answer = await to_thread.run_sync(self._function, *arguments, abandon_on_cancel=True)
            if inspect.isawaitable(answer):
                answer = await answer
        return self._completion(answer)

    async def aclose(self) -> None:
        """Nothing to release."""

    def _completion(self, answer: object) -> Completion:
        if isinstance(answer, Completion):
            return answer
        if isinstance(answer, SamplingResult):
            return Completion(result=answer)
        if isinstance(answer, str):
            content = TextContent(text=answer)
            result = SamplingResult(role="assistant", content=content, model=self._name, stop_reason="endTurn")
            return Completion(result=result)
        if isinstance(answer, dict):
            return Completion(result=decode_result(answer))
        if (result_from_sdk := result_of_sdk(answer)) is not None:
            return Completion(result=result_from_sdk)
        raise InvalidAnswer(
            "The handler on the answering side gave no usable answer.",
            detail=f"{self._name} returned {type(answer).__name__}; a str or a sampling result is needed.",
        )


def _arity(function: HandlerFunction, called: str) -> int:
    """How many of the three arguments ``function`` takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature
        raise ConfigurationError(f"The signature of {called} cannot be read.", hint="Wrap it in a function.") from None
    if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
        raise ConfigurationError(
            f"{called} needs a keyword argument, and a handler is called with positional ones.",
            hint="Give it (messages, params, context).",
        )
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 3
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(1 for p in positional if p.default is p.empty)
    if not positional or required > 3:
        raise ConfigurationError(
            f"{called} takes {required} arguments, and a handler is called with one to three.",
            hint="Give it (messages, params, context), or the first of these.",
        )
    return min(len(positional), 3)
