"""Limits of the policy, before anything is spent. Pure: values in, values or a refusal out; time is an argument.

::

    a result with requests ──check_result──▶ each request ──apply_limits──▶ Counters.admit

The refusals are `LimitExceeded`: the message tells the server what was too much, ``detail`` tells the operator which
key of which file says so, and how to raise it.
"""

from upcall.host.limits.checking import apply_limits, exceeded
from upcall.host.limits.counting import Counters, check_result, too_many_a_minute
from upcall.host.limits.measuring import Media, media_in, prompt_chars

__all__ = [
    "Counters",
    "Media",
    "apply_limits",
    "check_result",
    "exceeded",
    "media_in",
    "prompt_chars",
    "too_many_a_minute",
]
