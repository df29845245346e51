"""litellm's MCP gateway: ``python -m benchmarks.relays.litellm_proxy URL PORT MODEL_PORT``, in its own environment.

One proxy with one server behind it, under a name for each era, because its configuration settles which era it speaks
with a server: a tool that samples in the one's way fails in the other's. On `PATHS` tools keep their own names.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

__all__ = ["KEY", "PATHS"]

KEY = "sk-bench"
"""Its master key; without one it has no users, and lets nobody call tools."""
PATHS = {"legacy": "/mcp/legacy", "2026-07-28": "/mcp/modern"}
_VERSIONS = {"legacy": "2025-11-25", "2026-07-28": "2026-07-28"}
_ENVIRONMENT = {
    "DISABLE_ADMIN_UI": "True",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it asks for the prices of models first
    "LITELLM_LOG": "CRITICAL",
    "LITELLM_MODE": "PRODUCTION",  # else it reads an .env file
}


def _configuration(url: str, model_port: str) -> dict[str, object]:
    model = {"model": "openai/instant", "api_base": f"http://127.0.0.1:{model_port}/v1", "api_key": "bench"}
    return {
        "model_list": [{"model_name": "instant", "litellm_params": model}],
        "general_settings": {"master_key": KEY, "mcp_advertised_versions": list(_VERSIONS.values())},
        "litellm_settings": {"telemetry": False},
        "mcp_servers": {
            PATHS[era].rpartition("/")[2]: {
                "url": url,
                "transport": "http",
                "allow_sampling": True,
                "protocol_version": version,
            }
            for era, version in _VERSIONS.items()
        },
    }


def main(url: str, port: str, model_port: str) -> None:
    """Serve as its own command does, without a database and without its logging."""
    os.environ.update(_ENVIRONMENT)
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(json.dumps(_configuration(url, model_port)), encoding="utf-8")  # JSON is YAML, too
        cli = import_module("litellm.proxy.proxy_cli")
        cli.run_server(["--config", str(file), "--host", "127.0.0.1", "--port", port], standalone_mode=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
