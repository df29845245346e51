"""Who is let in, who sees what, and what nobody may see."""

from __future__ import annotations

from tests.requirements.gateway.names import ANSWERING, ENDPOINT, FORWARDING, PURPOSE, SESSIONS
from tests.requirements.rows import Requirement, tests_in

__all__ = ["GUARDING"]

GUARDING = (
    Requirement(
        "gateway.isolated",
        "MUST",
        "No session, client or principal sees a frame of another.",
        "2026-07-28 basic/security; 2025-11-25 transports, Session Management",
        "gateway",
        tests_in(SESSIONS, "no_session_hears_what_another_is_told")
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
        tests_in(ENDPOINT, "a_session_belongs_to_the_principal_that_began_it")
        + tests_in(FORWARDING, "without_its_token_nobody_gets_through_and_a_session_is_its_principal_s_alone"),
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
        tests_in(FORWARDING, "headers_go_on_but_those_that_were_for_the_gateway")
        + tests_in("gateway/test_settings.py", "an_upstream_on_http_gets_its_headers_from_the_environment"),
    ),
    Requirement(
        "gateway.header-mismatch",
        "MUST",
        "Who reads the body refuses headers that say something else, with `-32020` and status 400.",
        "2026-07-28 HeaderMismatchError",
        "gateway",
        tests_in(ENDPOINT, "headers_of_2026_07_28_are_held_against_the_body")
        + tests_in("gateway/mixed/test_headers.py", "a_header_that_is_missing_or_says_something_else_is_a_mismatch"),
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
        PURPOSE,
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
        + tests_in(ANSWERING, "a_peer_hears_nothing_of_what_a_provider_said"),
    ),
)
