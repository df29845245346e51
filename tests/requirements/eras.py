"""How the two eras ask, and what differs between revisions."""

from __future__ import annotations

from tests.requirements.rows import Group, Requirement, tests_in

__all__ = ["ERAS"]

ERAS = Group(
    "Eras",
    "How a server asks, and what each revision of the protocol knows.",
    (
        Requirement(
            "eras.legacy-back-channel",
            "MUST",
            "Up to 2025-11-25 a server asks by a request of its own on the back channel.",
            "2025-11-25 client/sampling, Creating Messages",
            "server",
            tests_in("server/test_sampling.py", "an_unchanged_body_runs_once_on_both_eras")
            + tests_in("server/test_http.py", "a_legacy_call_rides_on_its_own_stream")
            + tests_in("conformance/test_conformance.py", "server_that_asks_passes"),
        ),
        Requirement(
            "eras.modern-no-server-requests",
            "MUST",
            "On 2026-07-28 a server never sends a request; it asks by answering `input_required`.",
            "SEP-2575, SEP-2322",
            "server",
            tests_in("server/test_frames.py", "a_modern_server_never_sends_a_request_or_a_cancellation"),
        ),
        Requirement(
            "eras.capability-in-initialize",
            "MUST",
            "A legacy client declares `sampling` once, in `initialize`.",
            "2025-11-25 client/sampling, Capabilities",
            "host",
            tests_in("host/test_declaration.py", "sampling_is_declared_with_the_tools_that_the_host_takes"),
        ),
        Requirement(
            "eras.capability-per-request",
            "MUST",
            "A modern client declares `sampling` in the `_meta` of every request.",
            "2026-07-28 RequestMetaObject, clientCapabilities",
            "host",
            tests_in("host/test_declaration.py", "sampling_is_declared_with_the_tools_that_the_host_takes")
            + tests_in("conformance/test_conformance.py", "client_with_a_host_passes"),
        ),
        Requirement(
            "eras.no-inferred-capabilities",
            "MUST",
            "A server judges each request by what it declares itself, not by what an earlier one declared.",
            "2026-07-28 RequestMetaObject, clientCapabilities",
            "server",
            tests_in(
                "server/test_frames.py",
                "each_request_is_judged_by_what_it_declares_itself",
                "what_is_still_open_is_not_asked_again_of_a_client_that_no_longer_declares_it",
                "a_form_is_not_asked_for_again_either",
            ),
        ),
        Requirement(
            "eras.version-tells-era",
            "MUST",
            "The connection's protocol version decides which way of asking is taken.",
            "2025-11-25 and 2026-07-28, version negotiation",
            "wire",
            tests_in("wire/test_rules.py", "every_version_has_an_era"),
        ),
        Requirement(
            "eras.tools-since-2025-11-25",
            "MUST",
            "A server offers tools in sampling from 2025-11-25 on, and only where `sampling.tools` was declared.",
            "SEP-1577; 2025-11-25 CreateMessageRequestParams.tools",
            "server",
            tests_in("server/test_frames.py", "tools_are_sent_from_2025_11_25_on")
            + tests_in("server/test_sample.py", "tools_without_the_capability_are_unsupported_and_say_which"),
        ),
        Requirement(
            "eras.lists-since-2025-11-25-asking",
            "MUST",
            "Before 2025-11-25 a server sends one content block in a message, never a list.",
            "2025-06-18 SamplingMessage.content; SEP-1577",
            "server",
            tests_in("server/test_frames.py", "a_list_of_blocks_is_sent_from_2025_11_25_on"),
        ),
        Requirement(
            "eras.lists-since-2025-11-25-answering",
            "MUST",
            "Before 2025-11-25 a request with lists or tools is refused, and an answer is a single block.",
            "2025-06-18 SamplingMessage.content; SEP-1577",
            "host",
            tests_in("wire/test_rules.py", "older_revisions_know_neither_tools_nor_lists")
            + tests_in(
                "host/engine/test_validity.py",
                "lists_of_blocks_depend_on_the_version",
                "tools_are_refused_on_versions_that_have_none",
            )
            + tests_in(
                "host/engine/test_reply.py",
                "a_list_of_one_block_becomes_that_block_without_a_note",
                "text_blocks_are_joined_and_the_change_is_noted",
            ),
        ),
        Requirement(
            "eras.one-block-or-list",
            "MUST",
            "From 2025-11-25 on a single block and a list of blocks are both read, on either side.",
            "2025-11-25 SamplingMessage.content",
            "wire",
            tests_in("wire/test_sampling.py", "a_result_with_one_block_or_a_list_reads_the_same")
            + tests_in("host/engine/test_reply.py", "with_tools_a_list_stays_a_list"),
        ),
        Requirement(
            "eras.deprecated-still-served",
            "SHOULD",
            "Sampling is deprecated since 2026-07-28 and works until its removal, without a warning per call.",
            "SEP-2577",
            "server",
            tests_in("server/test_sampling.py", "an_unchanged_body_runs_once_on_both_eras", "a_fastmcp_server_samples"),
        ),
        Requirement(
            "eras.after-removal",
            "SHOULD",
            "Where clients no longer sample, the same `sample()` is answered by a model of the server's own.",
            "SEP-2577",
            "server",
            tests_in("server/test_sample.py", "the_fallback_answers_for_a_client_that_cannot"),
        ),
        Requirement(
            "eras.inside-a-request",
            "MUST",
            "A server asks only while it serves a client's request, and on that request's own stream.",
            "SEP-2260",
            "server",
            tests_in("server/test_questions.py", "a_task_that_outlives_its_request_cannot_ask")
            + tests_in("server/test_sampling.py", "outside_of_a_request_sample_says_what_is_missing")
            + tests_in(
                "server/test_http.py",
                "a_legacy_call_rides_on_its_own_stream",
                "a_form_without_a_related_request_does_not_hang_on_legacy_http",
            ),
        ),
        Requirement(
            "eras.context-only-declared",
            "SHOULD",
            "A server asks for `thisServer` or `allServers` only where `sampling.context` was declared.",
            "2025-11-25 client/sampling, Capabilities; SEP-2596",
            "server",
            tests_in("server/test_questions.py", "context_is_asked_for_only_where_it_was_declared")
            + tests_in("wire/test_rules.py", "what_a_client_lacks_is_named"),
        ),
        Requirement(
            "eras.context-left-out",
            "SHOULD",
            "A server leaves `includeContext` out unless its author asks for it.",
            "SEP-2596; 2026-07-28 CreateMessageRequestParams.includeContext",
            "server",
            tests_in("server/test_questions.py", "nothing_is_asked_about_context_unless_the_body_does"),
        ),
    ),
)
