"""What it owes the people who are asked, and those who run it."""

from __future__ import annotations

from tests.requirements.gateway.names import ANSWERING, COMMAND, MIXED, MODERN, PURPOSE
from tests.requirements.rows import Requirement, tests_in

__all__ = ["OPERATING"]

OPERATING = (
    Requirement(
        "gateway.people",
        "SHOULD",
        "A person is asked by the client's elicitation where it has that.",
        "2025-11-25 client/sampling: human in the loop",
        "gateway",
        tests_in("gateway/test_asking_for_real.py", "the_person_at_the_client_decides")
        + tests_in(ANSWERING, "the_connected_client_is_asked_and_its_yes_is_a_yes")
        + tests_in(MIXED, "a_person_is_asked_beside_the_servers_own_questions"),
    ),
    Requirement(
        "gateway.people-in-the-store",
        "scenario",
        "Where no client can ask, the request waits for its deadline, and the refusal says where to approve.",
        PURPOSE,
        "gateway",
        tests_in(
            ANSWERING,
            "without_elicitation_the_question_waits_for_its_deadline_and_the_refusal_says_where_to_approve",
            "where_the_client_cannot_be_asked_the_question_waits_in_the_store",
        ),
    ),
    Requirement(
        "gateway.policy-reloaded",
        "scenario",
        "A changed policy holds from the next request on.",
        PURPOSE,
        "gateway",
        tests_in(ANSWERING, "a_changed_file_holds_from_the_next_request_on", "terms_follow_the_file")
        + tests_in(MODERN, "the_policy_is_asked_with_each_request"),
    ),
    Requirement(
        "gateway.fails-closed",
        "MUST",
        "A policy that cannot be used stops sampling, and nothing else.",
        PURPOSE,
        "gateway",
        tests_in(COMMAND, "a_broken_policy_stops_sampling_and_nothing_else"),
    ),
    Requirement(
        "gateway.shared-budgets",
        "scenario",
        "Several gateways share store, policy and budgets, and never spend more than there is.",
        PURPOSE,
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
        PURPOSE,
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
        "gateway.operators",
        "scenario",
        "What operators are told, and the files they are given, are tried.",
        PURPOSE,
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
        PURPOSE,
        "gateway",
        tests_in(
            "gateway/clients/test_wrapping.py",
            "unwrapping_gives_the_same_bytes_and_wrapping_twice_changes_nothing",
            "an_entry_becomes_what_the_gateway_needs_and_the_rest_stays",
        )
        + tests_in("gateway/clients/test_pages.py", "a_page_shows_what_wrapping_gives")
        + tests_in("cli/test_wrap.py", "it_writes_and_puts_back_the_same_bytes"),
    ),
)
