"""What becomes of either peer when the other dies, leaves, floods or does not read."""

from __future__ import annotations

from tests.requirements.gateway.names import COMMAND, ENDPOINT, FORWARDING, PURPOSE, REMOTE, SESSIONS
from tests.requirements.rows import Requirement, tests_in

__all__ = ["ENDS"]

ENDS = (
    Requirement(
        "gateway.dead-server",
        "MUST",
        "A server that dies leaves an error for each open request, not silence.",
        "JSON-RPC 2.0",
        "gateway",
        tests_in(COMMAND, "a_killed_server_leaves_an_error_for_each_request")
        + tests_in(FORWARDING, "a_server_that_dies_in_its_stream_is_an_error_of_the_request")
        + tests_in("gateway/mixed/test_hosting.py", "a_server_that_dies_answers_what_is_open_with_an_error")
        + tests_in(REMOTE, "a_stream_that_ends_for_good_is_an_error"),
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
        + tests_in(COMMAND, "nothing_outlives_a_client", "the_exit_code_is_the_servers"),
    ),
    Requirement(
        "gateway.backpressure",
        "MUST",
        "A peer that does not read holds the other up, not the gateway's memory.",
        PURPOSE,
        "gateway",
        tests_in(
            "gateway/stdio/test_driver.py",
            "a_client_that_reads_nothing_stops_a_server_that_floods",
            "a_server_that_reads_nothing_stops_a_client_that_floods",
        )
        + tests_in("gateway/http/test_serving.py", "nothing_is_read_ahead_of_a_client_that_does_not_read")
        + tests_in("faults/gateway/test_pressure.py", "a_flood_that_the_client_does_not_read_waits_at_the_server")
        + tests_in(ENDPOINT, "a_slow_reader_holds_its_server_up_and_loses_nothing"),
    ),
    Requirement(
        "gateway.bounds",
        "SHOULD",
        "Bodies, headers, sessions and processes are bounded.",
        PURPOSE,
        "gateway",
        tests_in(FORWARDING, "what_is_not_served_and_what_is_too_long_goes_nowhere", "a_head_without_an_end_is_cut_off")
        + tests_in(SESSIONS, "sessions_that_nobody_uses_are_forgotten")
        + tests_in(ENDPOINT, "there_are_never_more_processes_than_allowed", "a_session_that_nobody_uses_ends"),
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
)
