"""What it seals into `requestState`, so that it need not remember, and what it knows at every replica."""

from __future__ import annotations

from tests.requirements.gateway.names import LEGACY, MIXED, PURPOSE, SESSIONS
from tests.requirements.rows import Requirement, tests_in

__all__ = ["STATE"]

_STATE = "2026-07-28 InputRequiredResult.requestState; SEP-2322"

STATE = (
    Requirement(
        "gateway.state-sealed",
        "MUST",
        "What it keeps with the client is encrypted and authenticated; an altered state opens nothing.",
        _STATE,
        "gateway",
        tests_in("gateway/test_sealing.py", "what_was_sealed_opens", "all_ways_to_fail_sound_the_same")
        + tests_in(MIXED, "a_changed_state_is_told_from_a_true_one"),
    ),
    Requirement(
        "gateway.state-bound",
        "MUST",
        "A state holds for its server, principal, method and arguments alone.",
        _STATE,
        "gateway",
        tests_in(
            MIXED,
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
        tests_in(MIXED, "a_state_expires", "keys_rotate")
        + tests_in("gateway/test_sealing.py", "the_first_key_seals_and_all_open"),
    ),
    Requirement(
        "gateway.state-foreign",
        "MUST",
        "A state that it did not seal goes to the server untouched, and two gateways in a row work.",
        _STATE,
        "gateway",
        tests_in(MIXED, "a_state_of_somebody_else_passes_untouched", "two_gateways_in_a_row_each_keep_their_own"),
    ),
    Requirement(
        "gateway.client-cannot-forge",
        "MUST",
        "A client cannot answer in the gateway's place.",
        _STATE,
        "gateway",
        tests_in(MIXED, "the_client_cannot_replace_an_answer_of_the_gateway")
        + tests_in(LEGACY, "the_client_cannot_answer_in_the_gateways_place"),
    ),
    Requirement(
        "gateway.any-replica",
        "scenario",
        "A call crosses over to another replica between two rounds.",
        PURPOSE,
        "gateway",
        tests_in(
            SESSIONS,
            "a_mixed_question_crosses_over_to_another_gateway",
            "two_gateways_behind_a_balancer_serve_one_client",
            "a_gateway_that_was_started_anew_goes_on_with_its_sessions",
        )
        + tests_in("gateway/test_asking_by_rounds.py", "another_replica_goes_on_with_it"),
    ),
    Requirement(
        "gateway.task-asked-once",
        "scenario",
        "What a task asks is asked once, whichever replica is polled, and by another when the one that asks dies.",
        PURPOSE,
        "gateway",
        tests_in(
            "gateway/session/test_tasks_shared.py",
            "what_one_gateway_asks_another_waits_for_and_the_server_is_told_once",
            "another_gateway_asks_when_the_claim_of_a_dead_one_has_lapsed",
        )
        + tests_in("gateway/test_claiming.py", "what_is_kept_is_sealed_for_this_sample_alone")
        + tests_in(
            "faults/gateway/test_replicas.py",
            "a_replica_that_is_killed_while_it_asks_for_a_task_is_followed_by_the_other",
        ),
    ),
    Requirement(
        "gateway.client-known-everywhere",
        "scenario",
        "What a client can do is known at a replica that did not see its `initialize`.",
        PURPOSE,
        "gateway",
        tests_in(
            "gateway/http/test_handshakes.py",
            "a_client_that_samples_is_asked_by_every_replica",
            "a_client_that_elicits_is_asked_for_a_persons_yes_by_every_replica",
        ),
    ),
    Requirement(
        "gateway.events-replayed-to-their-own",
        "MUST",
        "The events of a session are replayed to its own client alone, where the server cannot tell clients apart.",
        "2025-11-25 basic/transports, Resumability and Redelivery",
        "gateway",
        tests_in("gateway/http/test_event_ids.py", "the_events_of_a_session_are_replayed_to_its_own_client_alone"),
    ),
)
