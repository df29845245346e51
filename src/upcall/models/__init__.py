"""Models: one completion from one model, behind one small protocol.

::

    "openai/gpt-5.4-mini" ──model()──▶ Model ──complete(SamplingRequest)──▶ Completion
"""

from upcall.models.base import Adjustment, Completion, Model, Usage

__all__ = ["Adjustment", "Completion", "Model", "Usage"]
