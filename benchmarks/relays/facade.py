"""A model behind OpenAI's chat API that has one answer, at once: ``python -m benchmarks.relays.facade PORT``."""

from __future__ import annotations

import json
import sys

from benchmarks.relays.tiny_http import serve

__all__ = ["ANSWER"]

ANSWER = json.dumps(
    {
        "id": "bench",
        "object": "chat.completion",
        "created": 1,
        "model": "instant",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Sampling works."}}
        ],
        "usage": {"prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24},
    }
).encode()


if __name__ == "__main__":
    serve(lambda body: (b"200 OK\r\ncontent-type: application/json", ANSWER), int(sys.argv[1]))
