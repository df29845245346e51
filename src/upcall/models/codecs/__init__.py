"""Codecs: a sampling request ⇄ a provider's JSON body. Pure: no I/O, no event loop, no SDK.

::

    SamplingRequest ──encode──▶ Encoded(body, adjustments) ──▶ provider ──▶ body ──decode──▶ Completion

One module per dialect: `anthropic` (Messages), `openai_chat` (Chat Completions, OpenAI's own and the servers that speak
it), `openai_responses` (the same for Responses), `gemini`, and `command` (programs that read a prompt). Each refuses an
invalid request before it encodes it, and names every drop, clamp and rename of its own as an `Adjustment`. ``_meta`` is
the peers' own bookkeeping: no model ever sees it, and it is not reported. ``modelPreferences`` chose the model before a
codec is reached.
"""

from upcall.models.codecs._encoded import Encoded

__all__ = ["Encoded"]
