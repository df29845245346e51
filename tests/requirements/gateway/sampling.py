"""What the gateway takes out of the frames: it declares, answers, refuses, and stops when nobody waits."""

from __future__ import annotations

from tests.requirements.gateway.names import (
    ANSWERING,
    COMMAND,
    FORWARDING,
    LEGACY,
    MIXED,
    MODERN,
    PURPOSE,
    REMOTE,
    SESSIONS,
)
from tests.requirements.rows import Requirement, tests_in

__all__ = ["SAMPLING"]

_HTTP = "2025-11-25 and 2026-07-28 transports, Streamable HTTP"

SAMPLING = (
    Requirement(
        "gateway.legacy-only",
        "scenario",
        "A server that can ask in the older way alone is held at the older revisions: nothing of 2026-07-28 reaches "
        "it, and clients that speak both eras fall back to `initialize`.",
        "2026-07-28 basic/versioning, Backward Compatibility",
        "gateway",
        tests_in(
            "gateway/session/test_legacy_only.py",
            "a_client_that_asks_for_the_newer_era_falls_back_and_the_servers_question_is_answered",
            "a_request_of_the_newer_era_gets_an_error_and_goes_no_further",
        )
        + tests_in(
            "gateway/http/test_legacy_only.py",
            "what_is_of_the_newer_era_gets_an_older_servers_error_and_goes_no_further",
            "a_client_of_both_eras_falls_back_and_its_tools_sample",
        )
        + tests_in(COMMAND, "held_at_the_older_protocol_a_client_falls_back_whatever_the_policy_is")
        + tests_in(
            "interop/gateway/test_legacy_only.py",
            "left_to_themselves_they_agree_on_an_era_in_which_it_cannot_ask",
            "held_at_the_older_protocol_the_client_falls_back_and_it_gets_what_the_model_said",
        )
        + tests_in(
            "interop/clients/test_claude_code.py",
            "held_at_the_older_protocol_by_the_policy_such_a_server_is_answered",
        ),
    ),
    Requirement(
        "gateway.declares",
        "MUST",
        "It declares `sampling` in `initialize`, and `sampling.tools` from the version on that has it.",
        "2025-11-25 client/sampling, Capabilities; SEP-1577",
        "gateway",
        tests_in(LEGACY, "sampling_is_declared_as_far_as_the_version_has_it"),
    ),
    Requirement(
        "gateway.declares-per-request",
        "MUST",
        "On 2026-07-28 it declares `sampling` in every request, and nothing else of the request changes.",
        "2026-07-28 RequestMetaObject; SEP-2575",
        "gateway",
        tests_in(MODERN, "every_request_declares_sampling_and_is_the_same_otherwise"),
    ),
    Requirement(
        "gateway.who-answers",
        "scenario",
        "The policy says whether the client's own sampling is used, replaced, or left alone.",
        PURPOSE,
        "gateway",
        tests_in(LEGACY, "the_policy_says_who_answers")
        + tests_in(MODERN, "the_policy_says_who_answers")
        + tests_in("gateway/http/test_proxying.py", "a_client_that_can_sample_goes_on_doing_so")
        + tests_in(ANSWERING, "the_command_line_says_who_answers_before_the_policy"),
    ),
    Requirement(
        "gateway.takes-requests",
        "MUST",
        "A legacy server's request is answered under its own id, on the connection that it came on.",
        "2025-11-25 client/sampling; JSON-RPC 2.0",
        "gateway",
        tests_in(LEGACY, "a_request_is_taken_and_answered_under_the_servers_own_id_on_its_lane"),
    ),
    Requirement(
        "gateway.resumed-streams",
        "MUST",
        "What a resumed stream replays is not answered twice.",
        "2025-11-25 basic/transports, Resumability and Redelivery",
        "gateway",
        tests_in(LEGACY, "what_a_resumed_stream_replays_is_swallowed")
        + tests_in(SESSIONS, "a_client_that_comes_back_gets_the_answer_that_was_sampled_meanwhile")
        + tests_in(REMOTE, "a_broken_legacy_stream_is_taken_up_where_it_broke"),
    ),
    Requirement(
        "gateway.refusal-legacy",
        "MUST",
        "A refusal reaches a legacy server as an error it can handle, without what is for the operator alone.",
        "2025-11-25 client/sampling, Error Handling",
        "gateway",
        tests_in(LEGACY, "a_refusal_reaches_the_server_as_an_error_without_what_is_for_us_alone")
        + tests_in(COMMAND, "a_refusal_reaches_the_tools_caller"),
    ),
    Requirement(
        "gateway.refusal-modern",
        "MUST",
        "On 2026-07-28 a refusal ends the client's call with a result, or an error, that says why.",
        "2026-07-28 InputResponse; CallToolResult.isError",
        "gateway",
        tests_in(
            MODERN,
            "a_refusal_ends_a_tool_call_with_a_result_that_says_why",
            "a_refusal_ends_other_requests_with_an_error",
        ),
    ),
    Requirement(
        "gateway.mixed-rounds",
        "MUST",
        "Where a server asks for more than sampling, the rest goes to the client and every answer to the server.",
        "SEP-2322",
        "gateway",
        tests_in(MIXED, "the_rest_goes_to_the_client_and_everything_back_to_the_server")
        + tests_in("gateway/http/test_proxying.py", "the_model_and_the_person_are_asked_at_once"),
    ),
    Requirement(
        "gateway.rounds-capped",
        "SHOULD",
        "Rounds and samples of a call are counted over all replicas, and the policy caps them.",
        "SEP-2322; 2025-11-25 client/sampling",
        "gateway",
        tests_in(MODERN, "rounds_are_counted_and_the_call_keeps_its_name")
        + tests_in(
            MIXED,
            "rounds_and_the_name_of_the_call_outlast_the_way_over_the_client",
            "the_samplings_of_a_call_are_counted_on_by_whoever_goes_on_with_it",
        )
        + tests_in(
            ANSWERING,
            "the_limits_of_a_call_hold_over_its_requests",
            "the_limits_of_a_call_hold_for_what_other_processes_have_answered_of_it",
        ),
    ),
    Requirement(
        "gateway.cancel",
        "MUST",
        "A cancellation reaches the model call, and the server under the id that it knows.",
        "2026-07-28 CancelledNotification; 2025-11-25 basic/utilities/cancellation",
        "gateway",
        tests_in(
            MODERN,
            "the_client_cancels_what_the_server_has_under_another_id",
            "a_cancellation_while_samples_run_stops_them_and_goes_no_further",
        )
        + tests_in(LEGACY, "a_cancelled_call_takes_its_samples_with_it_and_the_server_hears_of_both")
        + tests_in(COMMAND, "a_cancelled_call_ends_the_models_request_within_a_second"),
    ),
    Requirement(
        "gateway.progress",
        "SHOULD",
        "A client that asked for progress has some while a sample is under way; values on a token only rise.",
        "2025-11-25 and 2026-07-28 ProgressNotificationParams",
        "gateway",
        tests_in(
            "gateway/session/test_beats.py",
            "a_held_call_has_progress_that_rises_by_next_to_nothing",
            "a_legacy_call_has_progress_while_its_sample_is_under_way",
            "no_token_no_progress",
        )
        + tests_in(FORWARDING, "a_client_that_waits_for_a_sample_hears_that_it_is_alive"),
    ),
    Requirement(
        "gateway.cancel-by-server",
        "SHOULD",
        "A legacy server can cancel what it asked.",
        "2025-11-25 basic/utilities/cancellation",
        "gateway",
        tests_in(LEGACY, "the_server_can_cancel_what_it_asked"),
    ),
    Requirement(
        "gateway.cancel-http",
        "MUST",
        "On 2026-07-28 a closed response stream is a cancellation, both ways.",
        _HTTP,
        "gateway",
        tests_in(
            FORWARDING,
            "a_client_that_goes_away_stops_the_model",
            "a_client_that_goes_away_closes_the_stream_upstream",
        )
        + tests_in(REMOTE, "a_cancellation_closes_the_stream_on_2026_07_28_and_is_not_sent"),
    ),
)
