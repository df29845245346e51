"""The gateway: what one owes who stands between a client and a server, and what it is for."""

from __future__ import annotations

from tests.requirements.rows import Group, Requirement, tests_in

__all__ = ["GATEWAY"]

_LEGACY, _MODERN, _MIXED = (f"gateway/session/test_{name}.py" for name in ("legacy", "modern", "mixed"))
_ANSWERING = "gateway/test_answering.py"
_FORWARDING = "gateway/http/test_forwarding.py"
_SESSIONS = "gateway/http/test_sessions.py"
_REMOTE = "gateway/mixed/test_remote.py"
_ENDPOINT = "gateway/mixed/test_endpoint.py"
_COMMAND = "cli/test_gateway.py"
_STATE = "2026-07-28 InputRequiredResult.requestState; SEP-2322"
_HTTP = "2025-11-25 and 2026-07-28 transports, Streamable HTTP"
_PURPOSE = "The gateway's purpose"

GATEWAY = Group(
    "The gateway",
    "What a gateway owes both sides: to change only what sampling takes, and to be a good client to one and a good "
    "server to the other.",
    (
        Requirement(
            "gateway.forms",
            "scenario",
            "A client on stdio or HTTP uses a server on stdio or HTTP, in all four combinations.",
            _PURPOSE,
            "gateway",
            tests_in(_COMMAND, "a_client_that_cannot_sample_gets_its_tools_answers")
            + tests_in("gateway/http/test_proxying.py", "a_client_that_cannot_sample_gets_its_answer")
            + tests_in("gateway/mixed/test_bridging.py", "a_client_on_pipes_uses_a_server_behind_http")
            + tests_in("gateway/mixed/test_hosting.py", "a_client_over_http_uses_a_server_on_its_pipes"),
        ),
        Requirement(
            "gateway.several-servers",
            "scenario",
            "One gateway serves several servers over HTTP, each at a path of its own.",
            _PURPOSE,
            "gateway",
            tests_in("gateway/http/test_serving.py", "servers_of_both_kinds_are_served_each_at_its_path"),
        ),
        Requirement(
            "gateway.transparent",
            "MUST",
            "What is not about sampling goes through byte for byte, in order, once.",
            "JSON-RPC 2.0; 2026-07-28 basic",
            "gateway",
            tests_in("gateway/session/test_random.py", "what_is_promised_holds_whatever_two_peers_say")
            + tests_in("gateway/stdio/test_driver.py", "frames_pass_in_order_and_the_exit_code_is_the_servers")
            + tests_in(_FORWARDING, "events_go_on_as_the_bytes_they_came_in_and_one_that_is_taken_leaves_its_id")
            + tests_in("gateway/http/test_proxying.py", "what_is_not_about_sampling_works_as_without_a_gateway"),
        ),
        Requirement(
            "gateway.conformance",
            "scenario",
            "The conformance suite finds the same with a gateway in between, in both eras, and the bytes are the same.",
            _PURPOSE,
            "gateway",
            tests_in(
                "conformance/test_gateway_transparency.py",
                "each_check_comes_out_as_without_the_gateway",
                "every_request_passes_to_the_byte",
                "every_response_passes_to_the_byte",
            ),
        ),
        Requirement(
            "gateway.rebuilt-verbatim",
            "MUST",
            "A frame that has to change keeps every other number, escape and the order of its keys.",
            "JSON-RPC 2.0",
            "gateway",
            tests_in(
                "gateway/test_frames.py",
                "a_change_leaves_the_rest_as_it_was",
                "numbers_escapes_and_order_outlast_a_change",
            ),
        ),
        Requirement(
            "gateway.large-frames",
            "scenario",
            "A frame of a hundred megabytes passes, both ways.",
            _PURPOSE,
            "gateway",
            tests_in("gateway/stdio/test_driver.py", "a_frame_of_a_hundred_megabytes_passes_both_ways"),
        ),
        Requirement(
            "gateway.never-crashes",
            "MUST",
            "No frame of either peer makes it fail, or reach anybody it was not for.",
            _PURPOSE,
            "gateway",
            tests_in("gateway/session/test_random.py", "it_holds_for_long")
            + tests_in("fuzz/test_fuzz.py", "a_fuzzer_finds_nothing_in_frames_and_sessions")
            + tests_in("gateway/test_frames.py", "nothing_makes_reading_raise"),
        ),
        Requirement(
            "gateway.declares",
            "MUST",
            "It declares `sampling` in `initialize`, and `sampling.tools` from the version on that has it.",
            "2025-11-25 client/sampling, Capabilities; SEP-1577",
            "gateway",
            tests_in(_LEGACY, "sampling_is_declared_as_far_as_the_version_has_it"),
        ),
        Requirement(
            "gateway.declares-per-request",
            "MUST",
            "On 2026-07-28 it declares `sampling` in every request, and nothing else of the request changes.",
            "2026-07-28 RequestMetaObject; SEP-2575",
            "gateway",
            tests_in(_MODERN, "every_request_declares_sampling_and_is_the_same_otherwise"),
        ),
        Requirement(
            "gateway.who-answers",
            "scenario",
            "The policy says whether the client's own sampling is used, replaced, or left alone.",
            _PURPOSE,
            "gateway",
            tests_in(_LEGACY, "the_policy_says_who_answers")
            + tests_in(_MODERN, "the_policy_says_who_answers")
            + tests_in("gateway/http/test_proxying.py", "a_client_that_can_sample_goes_on_doing_so")
            + tests_in(_ANSWERING, "the_command_line_says_who_answers_before_the_policy"),
        ),
        Requirement(
            "gateway.takes-requests",
            "MUST",
            "A legacy server's request is answered under its own id, on the connection that it came on.",
            "2025-11-25 client/sampling; JSON-RPC 2.0",
            "gateway",
            tests_in(_LEGACY, "a_request_is_taken_and_answered_under_the_servers_own_id_on_its_lane"),
        ),
        Requirement(
            "gateway.resumed-streams",
            "MUST",
            "What a resumed stream replays is not answered twice.",
            "2025-11-25 basic/transports, Resumability and Redelivery",
            "gateway",
            tests_in(_LEGACY, "what_a_resumed_stream_replays_is_swallowed")
            + tests_in(_SESSIONS, "a_client_that_comes_back_gets_the_answer_that_was_sampled_meanwhile")
            + tests_in(_REMOTE, "a_broken_legacy_stream_is_taken_up_where_it_broke"),
        ),
        Requirement(
            "gateway.refusal-legacy",
            "MUST",
            "A refusal reaches a legacy server as an error it can handle, without what is for the operator alone.",
            "2025-11-25 client/sampling, Error Handling",
            "gateway",
            tests_in(_LEGACY, "a_refusal_reaches_the_server_as_an_error_without_what_is_for_us_alone")
            + tests_in(_COMMAND, "a_refusal_reaches_the_tools_caller"),
        ),
        Requirement(
            "gateway.refusal-modern",
            "MUST",
            "On 2026-07-28 a refusal ends the client's call with a result, or an error, that says why.",
            "2026-07-28 InputResponse; CallToolResult.isError",
            "gateway",
            tests_in(
                _MODERN,
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
            tests_in(_MIXED, "the_rest_goes_to_the_client_and_everything_back_to_the_server")
            + tests_in("gateway/http/test_proxying.py", "the_model_and_the_person_are_asked_at_once"),
        ),
        Requirement(
            "gateway.rounds-capped",
            "SHOULD",
            "Rounds of a call are counted over all replicas, and the policy caps them.",
            "SEP-2322; 2025-11-25 client/sampling",
            "gateway",
            tests_in(_MODERN, "rounds_are_counted_and_the_call_keeps_its_name")
            + tests_in(_MIXED, "rounds_and_the_name_of_the_call_outlast_the_way_over_the_client")
            + tests_in(_ANSWERING, "the_limits_of_a_call_hold_over_its_requests"),
        ),
        Requirement(
            "gateway.state-sealed",
            "MUST",
            "What it keeps with the client is encrypted and authenticated; an altered state opens nothing.",
            _STATE,
            "gateway",
            tests_in("gateway/test_sealing.py", "what_was_sealed_opens", "all_ways_to_fail_sound_the_same")
            + tests_in(_MIXED, "a_changed_state_is_told_from_a_true_one"),
        ),
        Requirement(
            "gateway.state-bound",
            "MUST",
            "A state holds for its server, principal, method and arguments alone.",
            _STATE,
            "gateway",
            tests_in(
                _MIXED,
                "a_state_holds_for_its_request_alone",
                "a_state_holds_for_its_server_alone",
                "arguments_may_be_spelt_anew_but_not_changed",
            )
            + tests_in("gateway/test_sealing.py", "a_part_cannot_move_from_one_binding_to_the_next"),
        ),
        Requirement(
            "gateway.state-lifetime",
            "SHOULD",
            "A state expires, and keys rotate.",
            _STATE,
            "gateway",
            tests_in(_MIXED, "a_state_expires", "keys_rotate")
            + tests_in("gateway/test_sealing.py", "the_first_key_seals_and_all_open"),
        ),
        Requirement(
            "gateway.state-foreign",
            "MUST",
            "A state that it did not seal goes to the server untouched, and two gateways in a row work.",
            _STATE,
            "gateway",
            tests_in(_MIXED, "a_state_of_somebody_else_passes_untouched", "two_gateways_in_a_row_each_keep_their_own"),
        ),
        Requirement(
            "gateway.client-cannot-forge",
            "MUST",
            "A client cannot answer in the gateway's place.",
            _STATE,
            "gateway",
            tests_in(_MIXED, "the_client_cannot_replace_an_answer_of_the_gateway")
            + tests_in(_LEGACY, "the_client_cannot_answer_in_the_gateways_place"),
        ),
        Requirement(
            "gateway.any-replica",
            "scenario",
            "A call crosses over to another replica between two rounds.",
            _PURPOSE,
            "gateway",
            tests_in(
                _SESSIONS,
                "a_mixed_question_crosses_over_to_another_gateway",
                "two_gateways_behind_a_balancer_serve_one_client",
                "a_gateway_that_was_started_anew_goes_on_with_its_sessions",
            )
            + tests_in("gateway/test_asking_by_rounds.py", "another_replica_goes_on_with_it"),
        ),
        Requirement(
            "gateway.cancel",
            "MUST",
            "A cancellation reaches the model call, and the server under the id that it knows.",
            "2026-07-28 CancelledNotification; 2025-11-25 basic/utilities/cancellation",
            "gateway",
            tests_in(
                _MODERN,
                "the_client_cancels_what_the_server_has_under_another_id",
                "a_cancellation_while_samples_run_stops_them_and_goes_no_further",
            )
            + tests_in(_LEGACY, "a_cancelled_call_takes_its_samples_with_it_and_the_server_hears_of_both")
            + tests_in(_COMMAND, "a_cancelled_call_ends_the_models_request_within_a_second"),
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
            + tests_in(_FORWARDING, "a_client_that_waits_for_a_sample_hears_that_it_is_alive"),
        ),
        Requirement(
            "gateway.cancel-by-server",
            "SHOULD",
            "A legacy server can cancel what it asked.",
            "2025-11-25 basic/utilities/cancellation",
            "gateway",
            tests_in(_LEGACY, "the_server_can_cancel_what_it_asked"),
        ),
        Requirement(
            "gateway.cancel-http",
            "MUST",
            "On 2026-07-28 a closed response stream is a cancellation, both ways.",
            _HTTP,
            "gateway",
            tests_in(
                _FORWARDING,
                "a_client_that_goes_away_stops_the_model",
                "a_client_that_goes_away_closes_the_stream_upstream",
            )
            + tests_in(_REMOTE, "a_cancellation_closes_the_stream_on_2026_07_28_and_is_not_sent"),
        ),
        Requirement(
            "gateway.dead-server",
            "MUST",
            "A server that dies leaves an error for each open request, not silence.",
            "JSON-RPC 2.0",
            "gateway",
            tests_in(_COMMAND, "a_killed_server_leaves_an_error_for_each_request")
            + tests_in(_FORWARDING, "a_server_that_dies_in_its_stream_is_an_error_of_the_request")
            + tests_in("gateway/mixed/test_hosting.py", "a_server_that_dies_answers_what_is_open_with_an_error")
            + tests_in(_REMOTE, "a_stream_that_ends_for_good_is_an_error"),
        ),
        Requirement(
            "gateway.shutdown-stdio",
            "SHOULD",
            "A server's process is ended by closing its input, then by signals, and none outlives the gateway.",
            "2025-11-25 basic/lifecycle, Shutdown",
            "gateway",
            tests_in(
                "gateway/stdio/test_driver.py",
                "a_client_that_leaves_ends_a_server_that_does_not_listen",
                "the_whole_group_of_a_server_is_ended",
            )
            + tests_in(_COMMAND, "nothing_outlives_a_client", "the_exit_code_is_the_servers"),
        ),
        Requirement(
            "gateway.backpressure",
            "MUST",
            "A peer that does not read holds the other up, not the gateway's memory.",
            _PURPOSE,
            "gateway",
            tests_in(
                "gateway/stdio/test_driver.py",
                "a_client_that_reads_nothing_stops_a_server_that_floods",
                "a_server_that_reads_nothing_stops_a_client_that_floods",
            )
            + tests_in("gateway/http/test_serving.py", "nothing_is_read_ahead_of_a_client_that_does_not_read")
            + tests_in(_ENDPOINT, "a_slow_reader_holds_its_server_up_and_loses_nothing"),
        ),
        Requirement(
            "gateway.isolated",
            "MUST",
            "No session, client or principal sees a frame of another.",
            "2026-07-28 basic/security; 2025-11-25 transports, Session Management",
            "gateway",
            tests_in(_SESSIONS, "no_session_hears_what_another_is_told")
            + tests_in("gateway/mixed/test_hosting.py", "many_clients_at_once_get_their_own_answers")
            + tests_in(
                "gateway/mixed/test_multiplexing.py",
                "two_clients_with_the_same_id_get_their_own_answers",
                "what_a_cancelled_request_may_still_say_goes_to_nobody_else",
            ),
        ),
        Requirement(
            "gateway.session-principal",
            "MUST",
            "A session id is no authentication: it works for the principal that began it only, and cannot be guessed.",
            "2025-11-25 basic/security, Session Hijacking",
            "gateway",
            tests_in(_ENDPOINT, "a_session_belongs_to_the_principal_that_began_it")
            + tests_in(_FORWARDING, "without_its_token_nobody_gets_through_and_a_session_is_its_principal_s_alone"),
        ),
        Requirement(
            "gateway.host-origin",
            "MUST",
            "`Origin` is checked, against DNS rebinding; so is `Host`.",
            "2025-11-25 and 2026-07-28 transports, Security Warning",
            "gateway",
            tests_in(
                "gateway/http/test_guards.py",
                "a_name_that_was_rebound_is_refused",
                "pages_of_elsewhere_are_refused",
                "pages_that_are_listed_or_local_may_ask",
            ),
        ),
        Requirement(
            "gateway.token",
            "SHOULD",
            "Who can be reached from other machines asks for a token.",
            "2025-11-25 and 2026-07-28 transports, Security Warning",
            "gateway",
            tests_in(
                "gateway/http/test_guards.py",
                "others_than_this_machine_need_a_token_unless_somebody_said_otherwise",
                "no_token_or_a_wrong_one_is_refused",
            )
            + tests_in("gateway/http/test_serving.py", "others_are_not_let_in_without_a_token"),
        ),
        Requirement(
            "gateway.no-passthrough",
            "MUST",
            "A client's token is for the gateway and does not go upstream; upstream has credentials of its own.",
            "2025-11-25 basic/security, Token Passthrough",
            "gateway",
            tests_in(_FORWARDING, "headers_go_on_but_those_that_were_for_the_gateway")
            + tests_in("gateway/test_settings.py", "an_upstream_on_http_gets_its_headers_from_the_environment"),
        ),
        Requirement(
            "gateway.header-mismatch",
            "MUST",
            "Who reads the body refuses headers that say something else, with `-32020` and status 400.",
            "2026-07-28 HeaderMismatchError",
            "gateway",
            tests_in(_ENDPOINT, "headers_of_2026_07_28_are_held_against_the_body")
            + tests_in(
                "gateway/mixed/test_headers.py", "a_header_that_is_missing_or_says_something_else_is_a_mismatch"
            ),
        ),
        Requirement(
            "gateway.bounds",
            "SHOULD",
            "Bodies, headers, sessions and processes are bounded.",
            _PURPOSE,
            "gateway",
            tests_in(
                _FORWARDING, "what_is_not_served_and_what_is_too_long_goes_nowhere", "a_head_without_an_end_is_cut_off"
            )
            + tests_in(_SESSIONS, "sessions_that_nobody_uses_are_forgotten")
            + tests_in(_ENDPOINT, "there_are_never_more_processes_than_allowed", "a_session_that_nobody_uses_ends"),
        ),
        Requirement(
            "gateway.floods",
            "attack",
            "A server that asks for thousands of samples at once gets an error, and starts none beyond a number.",
            "Resource theft",
            "gateway",
            tests_in(
                "adversarial/test_gateway_frames.py",
                "a_flood_of_legacy_requests_is_refused_beyond_a_number",
                "a_result_that_asks_for_twenty_thousand_samples_ends_its_call_and_starts_none",
            ),
        ),
        Requirement(
            "gateway.smuggling",
            "attack",
            "A request that can be read in two ways, or whose head does not end, goes nowhere.",
            "Request smuggling; slow clients",
            "gateway",
            tests_in(
                "adversarial/test_gateway_listener.py",
                "a_request_that_can_be_read_in_two_ways_goes_nowhere",
                "a_head_that_does_not_end_is_waited_for_only_so_long_on_a_connection_that_was_used_too",
                "only_the_path_itself_is_served",
                "a_name_that_is_not_ours_is_refused_whatever_the_target_says",
            ),
        ),
        Requirement(
            "gateway.own-secrets",
            "attack",
            "A server that the gateway starts gets none of its tokens and keys, and cannot forge its states.",
            "Exfiltration; tampered or replayed state",
            "gateway",
            tests_in(
                "adversarial/test_gateway_process.py",
                "a_server_that_is_served_over_http_gets_no_secret_of_the_gateway",
                "a_key_in_the_environment_that_a_child_has_too_opens_nothing",
            )
            + tests_in("adversarial/test_gateway_upstream.py", "no_log_repeats_the_secret_in_an_address"),
        ),
        Requirement(
            "gateway.log-lines",
            "attack",
            "What a server says cannot act on the terminal that shows the gateway's log.",
            "Hidden text",
            "gateway",
            tests_in(
                "adversarial/test_gateway_process.py",
                "a_log_line_is_one_line_and_shows_what_would_move_the_cursor",
            ),
        ),
        Requirement(
            "gateway.tls",
            "scenario",
            "It speaks TLS.",
            _PURPOSE,
            "gateway",
            tests_in("gateway/http/test_serving.py", "tls", "a_certificate_that_cannot_be_used_is_said_so"),
        ),
        Requirement(
            "gateway.secrets",
            "MUST",
            "Secrets come from the environment, and no error, log or listing repeats one.",
            "2025-11-25 client/sampling: sensitive data",
            "gateway",
            tests_in(
                "gateway/test_settings.py",
                "nothing_that_is_shown_holds_a_secret",
                "tokens_that_are_missing_weak_or_shared_are_refused_and_not_repeated",
                "a_program_gets_what_it_needs_and_no_key_of_ours",
            )
            + tests_in(_ANSWERING, "a_peer_hears_nothing_of_what_a_provider_said"),
        ),
        Requirement(
            "gateway.people",
            "SHOULD",
            "A person is asked by the client's elicitation where it has that.",
            "2025-11-25 client/sampling: human in the loop",
            "gateway",
            tests_in("gateway/test_asking_for_real.py", "the_person_at_the_client_decides")
            + tests_in(_ANSWERING, "the_connected_client_is_asked_and_its_yes_is_a_yes")
            + tests_in(_MIXED, "a_person_is_asked_beside_the_servers_own_questions"),
        ),
        Requirement(
            "gateway.people-in-the-store",
            "scenario",
            "Where no client can ask, the request waits for its deadline, and the refusal says where to approve.",
            _PURPOSE,
            "gateway",
            tests_in(
                _ANSWERING,
                "without_elicitation_the_question_waits_for_its_deadline_and_the_refusal_says_where_to_approve",
                "where_the_client_cannot_be_asked_the_question_waits_in_the_store",
            ),
        ),
        Requirement(
            "gateway.policy-reloaded",
            "scenario",
            "A changed policy holds from the next request on.",
            _PURPOSE,
            "gateway",
            tests_in(_ANSWERING, "a_changed_file_holds_from_the_next_request_on", "terms_follow_the_file")
            + tests_in(_MODERN, "the_policy_is_asked_with_each_request"),
        ),
        Requirement(
            "gateway.fails-closed",
            "MUST",
            "A policy that cannot be used stops sampling, and nothing else.",
            _PURPOSE,
            "gateway",
            tests_in(_COMMAND, "a_broken_policy_stops_sampling_and_nothing_else"),
        ),
        Requirement(
            "gateway.shared-budgets",
            "scenario",
            "Several gateways share store, policy and budgets, and never spend more than there is.",
            _PURPOSE,
            "gateway",
            tests_in(
                "gateway/test_sharing.py",
                "two_gateways_share_a_budget_a_record_and_a_policy_that_changes",
                "many_calls_of_two_gateways_at_once_never_spend_more_than_there_is",
            ),
        ),
        Requirement(
            "gateway.doctor",
            "scenario",
            "It is said of each server of a config which tools sample, whether they may, and what is missing.",
            _PURPOSE,
            "gateway",
            tests_in(
                "gateway/test_examining.py",
                "a_tool_that_is_there_only_for_clients_that_can_sample_is_found_in_both_eras",
                "the_policy_decides_by_the_name_of_the_server",
                "without_a_policy_the_model_is_what_is_missing",
                "a_server_that_hangs_costs_its_deadline_and_is_killed",
            )
            + tests_in(
                "cli/test_doctor.py",
                "every_server_of_a_file_is_examined_and_one_that_crashes_harms_no_other",
                "a_call_is_made_only_when_it_is_asked_for",
            ),
        ),
        Requirement(
            "gateway.many-servers",
            "scenario",
            "Servers and clients of many makes work through it, with clients that cannot sample.",
            _PURPOSE,
            "gateway",
            tests_in(
                "interop/gateway/test_servers.py",
                "its_tools_sample_for_a_client_that_cannot",
                "what_does_not_sample_is_the_same_as_without_the_gateway",
            )
            + tests_in("interop/gateway/test_callers.py", "it_gets_what_the_model_said"),
        ),
        Requirement(
            "gateway.chains",
            "scenario",
            "It works behind and in front of other proxies; of two gateways one answers, once.",
            _PURPOSE,
            "gateway",
            tests_in(
                "interop/gateway/test_chains.py",
                "of_two_gateways_one_answers_once",
                "fastmcps_proxy_may_stand_before_the_gateway",
                "fastmcps_proxy_may_stand_behind_the_gateway",
            ),
        ),
        Requirement(
            "gateway.operators",
            "scenario",
            "What operators are told, and the files they are given, are tried.",
            _PURPOSE,
            "gateway",
            tests_in(
                "gateway/test_docs.py",
                "a_command_on_the_pages_is_one",
                "the_policy_for_deployment_serves_who_has_a_token",
                "systemd_takes_the_unit",
                "the_numbers_on_the_page_are_the_codes",
            ),
        ),
        Requirement(
            "gateway.wrap",
            "scenario",
            "A client's config file is wrapped with its comments kept, once, and unwrapped to the same bytes.",
            _PURPOSE,
            "gateway",
            tests_in(
                "gateway/clients/test_wrapping.py",
                "unwrapping_gives_the_same_bytes_and_wrapping_twice_changes_nothing",
                "an_entry_becomes_what_the_gateway_needs_and_the_rest_stays",
            )
            + tests_in("gateway/clients/test_pages.py", "a_page_shows_what_wrapping_gives")
            + tests_in("cli/test_wrap.py", "it_writes_and_puts_back_the_same_bytes"),
        ),
        Requirement(
            "gateway.light",
            "scenario",
            "On stdio the server is started first, and no SDK is loaded.",
            _PURPOSE,
            "gateway",
            tests_in(_COMMAND, "the_first_thing_is_the_server_and_no_sdk_is_loaded")
            + tests_in(_ANSWERING, "importing_it_is_light"),
        ),
    ),
)
