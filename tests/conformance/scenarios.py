"""The suite's scenarios, sorted by what they mean for upcall. `test_conformance` holds the lists to be complete."""

from __future__ import annotations

__all__ = ["ANSWERS", "ASKING", "CLIENT", "LEGACY", "MODERN", "PLAIN"]

LEGACY = "2025-11-25"
MODERN = "2026-07-28"

ASKING: dict[str, tuple[str, ...]] = {
    LEGACY: (
        "tools-call-sampling",
        "tools-call-elicitation",
        "elicitation-sep1034-defaults",
        "elicitation-sep1330-enums",
    ),
    MODERN: (
        "input-required-result-basic-elicitation",
        "input-required-result-basic-sampling",
        "input-required-result-basic-list-roots",
        "input-required-result-request-state",
        "input-required-result-multiple-input-requests",
        "input-required-result-multi-round",
        "input-required-result-missing-input-response",
        "input-required-result-non-tool-request",
        "input-required-result-result-type",
        "input-required-result-unsupported-methods",
        "input-required-result-tampered-state",
        "input-required-result-capability-check",
        "input-required-result-ignore-extra-params",
        "input-required-result-validate-input",
    ),
}
"""The server asks the client for something. On `MODERN` the bare SDK has no straight-line way to."""

ANSWERS = {
    "tools-call-sampling": ["LLM response: This is a test response from the client"],
    "input-required-result-basic-elicitation": ["Hello, Alice!"],
    "input-required-result-basic-sampling": ["Model said: The capital of France is Paris."],
    "input-required-result-basic-list-roots": ["Roots: file:///test/root"],
    "input-required-result-request-state": ["state-ok: accept"],
    "input-required-result-multiple-input-requests": ["Hello there! Alice has 1 roots."],
    "input-required-result-multi-round": ["Alice likes blue."],
    "input-required-result-non-tool-request": ["Use this context: test context"],
    "input-required-result-ignore-extra-params": ["Hello, Alice!"],
}
"""What the body made of the answers that it asked for. The suite itself takes any complete result, failed ones too."""

_BOTH = (
    "completion-complete",
    "tools-list",
    "tools-call-simple-text",
    "tools-call-image",
    "tools-call-audio",
    "tools-call-embedded-resource",
    "tools-call-mixed-content",
    "tools-call-error",
    "tools-call-with-progress",
    "json-schema-2020-12",
    "server-sse-multiple-streams",
    "resources-list",
    "resources-read-text",
    "resources-read-binary",
    "resources-templates-read",
    "prompts-list",
    "prompts-get-simple",
    "prompts-get-with-args",
    "prompts-get-embedded-resource",
    "prompts-get-with-image",
    "dns-rebinding-protection",
)

PLAIN: dict[str, tuple[str, ...]] = {
    LEGACY: (
        *_BOTH,
        "server-initialize",
        "server-session-lifecycle",
        "logging-set-level",
        "ping",
        "tools-call-with-logging",
        "server-sse-polling",
        "resources-subscribe",
        "resources-unsubscribe",
    ),
    MODERN: (
        *_BOTH,
        "server-stateless",
        "sep-2164-resource-not-found",
        "caching",
        "http-header-validation",
        "http-custom-header-server-validation",
    ),
}
"""Everything else that is asked of a server."""

CLIENT: dict[str, tuple[str, ...]] = {
    LEGACY: ("initialize", "tools_call"),
    MODERN: ("tools_call", "request-metadata", "sep-2322-client-request-state"),
}
"""What concerns a client that declares sampling and takes part in rounds."""
