"""Multi round trips (2026-07-28): what parking, and every client of a modern server, owes."""

from __future__ import annotations

from tests.requirements.rows import Group, Requirement, tests_in

__all__ = ["ROUNDS"]

_MRTR = "SEP-2322"
_STATE = "2026-07-28 InputRequiredResult.requestState; SEP-2322"

ROUNDS = Group(
    "Multi round trips",
    "2026-07-28: a server asks by answering, and the client comes back with what was asked for.",
    (
        Requirement(
            "mrtr.shape",
            "MUST",
            "A question is `resultType: input_required` with `inputRequests` of method and params under keys.",
            "2026-07-28 InputRequiredResult, InputRequests",
            "server",
            tests_in("server/test_frames.py", "a_question_is_an_input_required_result_and_an_end_is_complete")
            + tests_in("conformance/test_conformance.py", "server_that_asks_passes"),
        ),
        Requirement(
            "mrtr.result-type",
            "MUST",
            "Every other result says `complete`, a failed tool's and a resumed one's included.",
            "2026-07-28 Result.resultType",
            "server",
            tests_in(
                "server/test_frames.py",
                "a_question_is_an_input_required_result_and_an_end_is_complete",
                "a_body_that_fails_after_a_round_still_ends_in_a_complete_result",
            ),
        ),
        Requirement(
            "mrtr.only-three-methods",
            "MUST",
            "Only tool calls, prompts and resource reads are answered with questions.",
            "SEP-2322; 2026-07-28 InputResponseRequestParams",
            "server",
            tests_in("server/test_frames.py", "only_tools_prompts_and_resources_are_answered_with_questions")
            + tests_in("server/test_sampling.py", "prompts_and_resource_templates_sample_too"),
        ),
        Requirement(
            "mrtr.bare-results",
            "MUST",
            "Answers come as bare results under the keys of their questions, and each reaches its own question.",
            "2026-07-28 InputResponses",
            "server",
            tests_in("server/test_sampling.py", "what_is_asked_at_once_shares_one_round_and_no_answer_is_mixed_up")
            + tests_in("server/test_parking.py", "a_round_carries_everything_asked_and_comes_back_to_the_same_call"),
        ),
        Requirement(
            "mrtr.own-results-pass",
            "MUST",
            "An `InputRequiredResult` that a tool makes itself, and its state, pass untouched.",
            _MRTR,
            "server",
            tests_in("server/test_sampling.py", "an_input_required_result_written_by_hand_passes_untouched"),
        ),
        Requirement(
            "mrtr.new-id",
            "MUST",
            "Each retry is a request with an id of its own, and otherwise the same request.",
            _MRTR,
            "server",
            tests_in("server/test_questions.py", "each_round_has_an_id_of_its_own_and_brings_the_last_state_back"),
        ),
        Requirement(
            "mrtr.state-verbatim",
            "MUST",
            "A client sends `requestState` back verbatim, in that retry alone, and none where none was given.",
            _STATE,
            "host",
            tests_in("server/test_questions.py", "each_round_has_an_id_of_its_own_and_brings_the_last_state_back")
            + tests_in("conformance/test_conformance.py", "client_with_a_host_passes"),
        ),
        Requirement(
            "mrtr.gateway-retries",
            "MUST",
            "A gateway that answers sampling itself retries upstream with a new id and the untouched state.",
            _STATE,
            "gateway",
            tests_in(
                "gateway/session/test_modern.py",
                "sampling_alone_is_answered_and_the_call_sent_again",
                "a_server_without_state_gets_none",
            ),
        ),
        Requirement(
            "mrtr.refusal-ends-the-call",
            "MUST",
            "There is no error in `inputResponses`: who declines fails the call on the client's own side.",
            "2026-07-28 InputResponse",
            "host",
            tests_in("host/test_callbacks.py", "a_refusal_arrives_with_its_code"),
        ),
        Requirement(
            "mrtr.no-assumed-retry",
            "MUST",
            "A server does not count on a retry: a body whose client stays away ends and can clean up.",
            _MRTR,
            "server",
            tests_in("server/test_sampling.py", "a_client_that_stays_away_ends_in_sample_abandoned_inside_the_body")
            + tests_in("server/test_parking.py", "a_call_is_abandoned_when_its_lifetime_is_over_and_asks_no_more"),
        ),
        Requirement(
            "mrtr.bounded-memory",
            "SHOULD",
            "How many calls wait for their clients is bounded, and the bound is an error that says so.",
            _MRTR,
            "server",
            tests_in("server/test_sampling.py", "the_cap_on_parked_calls_is_a_clear_error_in_the_body")
            + tests_in("server/test_parking.py", "a_full_lot_turns_the_newcomer_away_and_leaves_it_open"),
        ),
        Requirement(
            "mrtr.only-declared",
            "MUST",
            "A server never asks for what the request did not declare.",
            "2026-07-28 MissingRequiredClientCapabilityError; SEP-2322",
            "server",
            tests_in("server/test_sampling.py", "what_was_not_declared_is_not_asked_for")
            + tests_in(
                "server/test_frames.py",
                "what_is_still_open_is_not_asked_again_of_a_client_that_no_longer_declares_it",
            ),
        ),
        Requirement(
            "mrtr.missing-capability",
            "MUST",
            "Where it cannot go on without, a server answers `-32021` with `data.requiredCapabilities`.",
            "2026-07-28 MissingRequiredClientCapabilityError",
            "server",
            tests_in(
                "server/test_sampling.py",
                "an_uncaught_lack_of_sampling_is_told_in_the_eras_own_way",
                "what_was_not_declared_is_not_asked_for",
            )
            + tests_in("server/test_frames.py", "each_request_is_judged_by_what_it_declares_itself"),
        ),
        Requirement(
            "mrtr.http-400",
            "MUST",
            "Over HTTP that error has status 400.",
            "2026-07-28 MissingRequiredClientCapabilityError",
            "server",
            tests_in("server/test_http.py", "the_lack_of_a_capability_is_http_400"),
        ),
        Requirement(
            "mrtr.state-authentic",
            "MUST",
            "A forged, guessed or altered state opens nothing.",
            _STATE,
            "server",
            tests_in("server/test_sampling.py", "a_state_opens_only_the_request_it_was_made_for")
            + tests_in("server/test_parking.py", "the_default_ids_are_long_and_all_different"),
        ),
        Requirement(
            "mrtr.state-principal",
            "MUST",
            "A state works for the principal it was given to, on servers without the SDK's seal as well.",
            _STATE,
            "server",
            tests_in("server/test_sampling.py", "a_state_belongs_to_its_principal_on_a_bare_server_too")
            + tests_in("server/test_parking.py", "a_stranger_is_refused_and_uses_nothing_up"),
        ),
        Requirement(
            "mrtr.state-lifetime",
            "SHOULD",
            "A state expires.",
            _STATE,
            "server",
            tests_in(
                "server/test_parking.py",
                "a_call_is_abandoned_when_its_lifetime_is_over_and_asks_no_more",
                "a_call_that_is_due_cannot_be_resumed_even_before_the_timer_came",
            ),
        ),
        Requirement(
            "mrtr.state-digest",
            "SHOULD",
            "A state works for the method, target and arguments it was made for only.",
            _STATE,
            "server",
            tests_in("server/test_sampling.py", "a_state_opens_only_the_request_it_was_made_for")
            + tests_in(
                "server/test_parking.py",
                "a_stranger_is_refused_and_uses_nothing_up",
                "the_target_of_a_resource_is_its_uri",
            ),
        ),
        Requirement(
            "mrtr.single-use-state",
            "SHOULD",
            "A state opens its call once.",
            _STATE,
            "server",
            tests_in("server/test_sampling.py", "a_used_state_opens_nothing")
            + tests_in("server/test_parking.py", "a_park_id_opens_its_call_once"),
        ),
        Requirement(
            "mrtr.many-workers",
            "SHOULD",
            "A call can be resumed by another worker process than the one that asked.",
            _STATE,
            "server",
            pending="server: replay",
        ),
        Requirement(
            "mrtr.ask-again",
            "SHOULD",
            "What has no answer yet is asked again.",
            _MRTR,
            "server",
            tests_in("server/test_sampling.py", "missing_answers_are_asked_again_and_unknown_ones_ignored")
            + tests_in("server/test_parking.py", "missing_answers_are_asked_again_and_unknown_keys_ignored"),
        ),
        Requirement(
            "mrtr.ignore-unknown",
            "SHOULD",
            "Answers under keys that nobody asked for, or that nobody waits for any more, are ignored.",
            _MRTR,
            "server",
            tests_in("server/test_sampling.py", "missing_answers_are_asked_again_and_unknown_ones_ignored")
            + tests_in("server/test_parking.py", "a_withdrawn_question_takes_no_answer"),
        ),
        Requirement(
            "mrtr.unknown-result-type",
            "MUST",
            "A client side takes an unknown `resultType` as invalid, and an absent one as `complete`; "
            "a gateway answers nothing in either, and leaves it to the client.",
            "2026-07-28 Result.resultType",
            "gateway",
            tests_in("gateway/session/test_modern.py", "what_asks_for_no_sampling_or_is_malformed_passes_as_it_is"),
        ),
        Requirement(
            "mrtr.ten-rounds",
            "SHOULD",
            "A server that knows how many rounds are left fails, or falls back, before a paid answer is lost.",
            "SEP-2322; the SDKs' clients",
            "server",
            tests_in(
                "server/test_sampling.py",
                "a_loop_over_the_clients_rounds_fails_before_an_answer_is_thrown_away",
                "over_the_rounds_the_fallback_goes_on",
            )
            + tests_in("server/test_parking.py", "the_question_after_the_last_round_fails_at_once"),
        ),
        Requirement(
            "mrtr.cancel-stdio",
            "MUST",
            "`notifications/cancelled` for the open request cancels the body.",
            "2026-07-28 CancelledNotification",
            "server",
            tests_in("server/test_sampling.py", "cancelling_the_open_request_cancels_the_body"),
        ),
        Requirement(
            "mrtr.cancel-http",
            "MUST",
            "Closing the response stream cancels the body.",
            "2026-07-28 transports, Streamable HTTP",
            "server",
            tests_in("server/test_http.py", "a_closed_stream_cancels_the_body"),
        ),
        Requirement(
            "mrtr.cancel-not-by-server",
            "MUST",
            "A modern server cancels no request of its own: a sample that times out is withdrawn in silence.",
            "2026-07-28 CancelledNotification",
            "server",
            tests_in("server/test_frames.py", "a_modern_server_never_sends_a_request_or_a_cancellation")
            + tests_in("server/test_sampling.py", "a_parked_question_times_out_and_the_call_still_ends_well"),
        ),
        Requirement(
            "mrtr.cancel-legacy",
            "SHOULD",
            "On a legacy connection a sample that nobody waits for is cancelled on the client, model included.",
            "2025-11-25 basic/utilities/cancellation",
            "server",
            tests_in(
                "server/test_sampling.py",
                "cancelling_a_legacy_call_cancels_the_clients_model",
                "a_timeout_cancels_the_clients_work_and_is_raised_in_the_body",
            ),
        ),
        Requirement(
            "mrtr.progress-token",
            "MUST",
            "Progress goes to the request that is open now, under its own token, with values that rise.",
            "2026-07-28 ProgressNotificationParams",
            "server",
            tests_in(
                "server/test_heartbeat.py",
                "what_a_body_reports_after_a_round_reaches_the_request_that_is_open_then",
                "the_bodys_own_reports_and_the_signs_of_life_rise_together",
            ),
        ),
        Requirement(
            "mrtr.log-opt-in",
            "MUST",
            "Log messages go to a request only if that request asked for them.",
            "2026-07-28 RequestMetaObject, logLevel",
            "server",
            tests_in("server/test_frames.py", "a_body_logs_only_to_a_request_that_asked_for_it")
            + tests_in("server/test_heartbeat.py", "log_messages_reach_the_open_request"),
        ),
        Requirement(
            "mrtr.broken-stream",
            "MUST",
            "A broken stream is not resumed: a round that was lost is refused with advice, and the call starts over.",
            "2026-07-28 transports, Streamable HTTP",
            "server",
            tests_in("server/test_frames.py", "a_round_that_was_lost_on_the_way_starts_the_call_over"),
        ),
        Requirement(
            "mrtr.server-identity",
            "SHOULD",
            "Interim results carry the server's identity, as complete ones do.",
            "2026-07-28 ResultMetaObject, serverInfo",
            "server",
            tests_in("server/test_sampling.py", "interim_results_carry_the_servers_identity"),
        ),
        Requirement(
            "mrtr.no-session",
            "MUST",
            "Rounds of a call need neither a session nor the same connection.",
            "SEP-2575",
            "server",
            tests_in("server/test_http.py", "a_modern_call_needs_no_session", "a_call_goes_on_over_another_connection"),
        ),
        Requirement(
            "mrtr.headers",
            "MUST",
            "Who passes a request on over HTTP keeps `Mcp-Method` and `Mcp-Name` in agreement with the body.",
            "2026-07-28 HeaderMismatchError",
            "gateway",
            tests_in(
                "gateway/http/test_forwarding.py",
                "the_server_is_asked_again_with_the_same_headers_and_the_client_sees_one_answer",
            )
            + tests_in("gateway/mixed/test_headers.py", "what_we_repeat_passes_our_own_check_and_the_sdks"),
        ),
        Requirement(
            "mrtr.tasks",
            "MAY",
            "Sampling inside `inputRequests` of `tasks/get` is answered by `tasks/update`.",
            "SEP-2663",
            "gateway",
            tests_in(
                "gateway/session/test_tasks.py",
                "a_task_that_waits_for_sampling_alone_works_for_the_client_and_is_told_the_answer",
                "what_the_client_has_to_answer_stays_and_so_does_the_status",
                "a_refusal_cancels_the_task_and_the_client_learns_why_whenever_it_asks",
            ),
        ),
    ),
)
