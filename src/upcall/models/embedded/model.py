"""`EmbeddedModel`: a small model in this process, without a network or a key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from upcall.errors import ConfigurationError
from upcall.models.base import Completion
from upcall.models.codecs._answer import completion
from upcall.models.codecs._encoded import Notes
from upcall.models.embedded.chat import Chat, chat_of
from upcall.models.embedded.emulation import read_call
from upcall.models.embedded.generation import Generation
from upcall.models.embedded.runtime import Runtime, lease
from upcall.models.embedded.weights import SMOLLM2, need_weights, weights_named
from upcall.wire import SamplingRequest, TextContent

__all__ = ["EmbeddedModel"]

_STOP_REASONS = {"end": "endTurn", "stop": "stopSequence", "length": "maxTokens"}


class EmbeddedModel:
    """A model that runs here: the small one that upcall installs, or any GGUF file with a chat template.

    Nothing is loaded before the first request (about a second, 250 MB), and two objects of the same file share what
    is loaded. Requests run one at a time, in order of arrival; works on asyncio, on one event loop after another.

    Args:
        spec: ``"smollm2"``, or the path of a GGUF file.
        n_ctx: Tokens of context, for prompt and answer together.

    Raises:
        ConfigurationError: ``spec`` is neither.
    """

    def __init__(self, spec: str = SMOLLM2.name, *, n_ctx: int = 4096) -> None:
        self._own_file = Path(spec).expanduser() if spec.lower().endswith(".gguf") else None
        self._name = f"local/{self._own_file.name if self._own_file else weights_named(spec).name}"
        self._n_ctx = n_ctx
        self._kept: Runtime | None = None

    @property
    def name(self) -> str:
        """``local/smollm2``, or ``local/`` and the file's name."""
        return self._name

    async def complete(self, request: SamplingRequest) -> Completion:
        """Complete ``request`` once, after the requests that came before it.

        Raises:
            ConfigurationError: The weights or the runtime are not installed, or do not load.
            UnsupportedContent: The request contains more than text.
            ModelRejected: The prompt is too long, or a tool's schema is more than the runtime understands.
            ModelUnavailable: The model failed.
        """
        chat = chat_of(request)
        with self._runtime() as runtime:
            generation = await runtime.generate(chat.encoded.body, stop=chat.stop)
        return self._completion(request, chat, generation)

    async def http_endpoint(self) -> tuple[str, str]:
        """Base URL (without ``/v1``) and key of an HTTP server that speaks OpenAI's and Anthropic's protocols.

        It listens on 127.0.0.1 until `aclose`. Loads the model when it must; raises like `complete`. Requests that
        come this way share the one slot with `complete` and cannot be cancelled by it.
        """
        with self._runtime() as runtime:
            return await runtime.endpoint()

    async def aclose(self) -> None:
        """Free the memory, unless another object still uses it. Requests under way finish first."""
        kept, self._kept = self._kept, None
        if kept is not None and (closed := kept.release()) is not None:
            await asyncio.wrap_future(closed)

    @contextmanager
    def _runtime(self) -> Iterator[Runtime]:
        """The loaded model; it stays loaded after the block, until `aclose`."""
        with lease(self._path(), self._n_ctx) as runtime:
            if self._kept is not runtime:
                if self._kept is not None:
                    self._kept.release()
                runtime.keep()
                self._kept = runtime
            yield runtime

    def _path(self) -> Path:
        if self._own_file is None:
            return need_weights(self._name.removeprefix("local/"))
        if not self._own_file.is_file():
            raise ConfigurationError(
                f"The model file {self._own_file.name} does not exist.",
                hint="Give the path of a GGUF file, or `local/smollm2`.",
                detail=str(self._own_file.absolute()),
            )
        return self._own_file

    def _completion(self, request: SamplingRequest, chat: Chat, generation: Generation) -> Completion:
        notes = Notes()
        # A call that ran into the limit is a piece of JSON: it goes back as the text that it is.
        called = chat.emulation.schema is not None and generation.finish == "end"
        block = read_call(generation.text) if called else TextContent(text=generation.text)
        if generation.finish == "length" and generation.usage.output_tokens < request.max_tokens:
            notes.add("maxTokens", "clamped", f"Prompt and answer filled the context of {self._n_ctx} tokens.")
        return completion(
            [block],
            request,
            chat.encoded,
            notes,
            model=self.name,
            stop_reason=_STOP_REASONS[generation.finish],
            usage=generation.usage,
        )
