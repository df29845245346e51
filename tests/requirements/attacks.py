"""Attacks to stand up to, each as the answers that are owed to it."""

from __future__ import annotations

from tests.requirements.rows import Group, Requirement, tests_in

__all__ = ["ATTACKS"]

_THEFT = "Resource theft"
_HIJACK = "Hijack of the client's conversation"
_TOOLS = "Covert tools"
_HIDDEN = "Hidden text"
_LEAK = "Exfiltration"
_CONSENT = "Consent fatigue and bypass"
_STATE = "Tampered or replayed state"

ATTACKS = Group(
    "Attacks",
    "What a hostile server, client or model may try. The source names the attack.",
    (
        Requirement(
            "attack.theft-concurrency",
            "attack",
            "Two hundred requests in one result run a few at a time, and do not keep other servers waiting.",
            _THEFT,
            "host",
            tests_in("host/test_callbacks.py", "two_hundred_requests_of_one_result_run_eight_at_a_time")
            + tests_in("host/test_queue.py", "a_server_with_many_requests_does_not_keep_the_others_waiting")
            + tests_in(
                "adversarial/test_theft.py", "of_two_hundred_requests_at_once_no_more_run_than_the_policy_allows"
            ),
        ),
        Requirement(
            "attack.theft-time",
            "attack",
            "No request occupies a model longer than the host allows.",
            _THEFT,
            "host",
            tests_in(
                "host/test_driver.py",
                "a_slow_model_is_stopped_at_the_timeout",
                "time_spent_in_the_queue_counts_towards_the_timeout",
            )
            + tests_in(
                "faults/test_provider.py", "every_fault_ends_the_call_settles_the_budget_and_gives_nothing_away"
            ),
        ),
        Requirement(
            "attack.theft-clamp",
            "attack",
            "A huge `maxTokens` is clamped to what the policy allows.",
            _THEFT,
            "host",
            tests_in("host/engine/test_limits.py", "a_huge_max_tokens_is_clamped_and_the_change_is_noted")
            + tests_in("host/test_host_policy.py", "a_server_that_asks_for_the_world_gets_what_the_policy_allows")
            + tests_in("adversarial/test_theft.py", "a_huge_max_tokens_is_clamped_and_noted"),
        ),
        Requirement(
            "attack.theft-quotas",
            "attack",
            "Each server has quotas of calls, tokens and money that are never overspent.",
            _THEFT,
            "host",
            tests_in(
                "host/engine/test_reserving.py",
                "the_most_that_the_call_can_take_is_reserved_under_every_budget_that_concerns_it",
            )
            + tests_in("host/test_host_policy.py", "what_a_budget_does_not_hold_is_refused_and_says_when_to_come_back")
            + tests_in("host/test_host_load.py", "a_budget_is_not_overspent_by_one_token_by_a_thousand_at_once")
            + tests_in(
                "store/test_budgets_across_processes.py",
                "a_budget_is_used_up_to_the_last_token_that_fits_and_not_beyond",
            )
            + tests_in("adversarial/test_theft.py", "a_budget_of_three_calls_pays_for_three"),
        ),
        Requirement(
            "attack.theft-rounds",
            "attack",
            "A server that asks on and on within one call is stopped.",
            _THEFT,
            "host",
            tests_in(
                "host/engine/test_limits.py",
                "a_call_of_too_many_rounds_is_refused",
                "a_tool_call_that_samples_on_and_on_is_stopped",
                "a_result_with_too_many_requests_is_refused",
            )
            + tests_in(
                "host/test_host_clients.py", "two_hundred_requests_of_a_greedy_server_meet_the_limits_of_their_era"
            )
            + tests_in("adversarial/test_theft.py", "a_loop_within_one_call_is_stopped_by_the_quota"),
        ),
        Requirement(
            "attack.theft-usage-recorded",
            "attack",
            "What each request used is recorded, whichever way it ends.",
            _THEFT,
            "host",
            tests_in(
                "host/engine/test_answering.py",
                "an_answered_request_is_called_recorded_and_replied",
                "a_failed_call_is_recorded_with_its_detail_and_raised_as_it_came",
                "a_cancelled_request_is_recorded_and_not_answered",
            ),
        ),
        Requirement(
            "attack.theft-usage-in-sight",
            "attack",
            "A person sees what each server has used.",
            _THEFT,
            "web",
            pending="web",
        ),
        Requirement(
            "attack.hijack-no-context",
            "attack",
            "`includeContext` is turned to `none`: a server never gets what others said.",
            _HIJACK,
            "host",
            tests_in("host/engine/test_validity.py", "context_is_turned_to_none_and_the_change_is_noted")
            + tests_in("host/test_callbacks.py", "a_request_for_context_is_answered_without_any")
            + tests_in("adversarial/test_hijack.py", "a_request_for_what_others_said_gets_nothing_of_it"),
        ),
        Requirement(
            "attack.hijack-no-memory",
            "attack",
            "No request finds anything of another server's request.",
            _HIJACK,
            "host",
            tests_in("host/test_declaration.py", "nothing_of_one_request_is_in_the_next"),
        ),
        Requirement(
            "attack.hijack-scan",
            "attack",
            "Replies are scanned for instructions and labelled.",
            _HIJACK,
            "host",
            tests_in(
                "host/engine/test_scanning.py",
                "a_reply_with_instructions_is_shown_to_a_person_first",
                "a_reply_with_instructions_is_withheld_where_the_policy_denies_it_and_kept_in_the_record",
            )
            + tests_in("adversarial/test_hijack.py", "a_reply_that_carries_instructions_is_withheld_and_kept"),
        ),
        Requirement(
            "attack.covert-own-tools-only",
            "attack",
            "An answer may use the request's own tools and no others, and refused tools stay refused.",
            _TOOLS,
            "host",
            tests_in("host/engine/test_reply.py", "an_answer_that_breaks_a_rule_is_refused_but_kept")
            + tests_in("wire/test_rules.py", "an_answer_comes_from_the_assistant_and_uses_what_was_offered")
            + tests_in("server/test_sample.py", "a_tool_that_was_not_offered_is_an_invalid_answer")
            + tests_in(
                "adversarial/test_hijack.py",
                "a_tool_that_was_not_offered_does_not_reach_the_server",
                "undeclared_tools_are_refused_with_invalid_params",
            ),
        ),
        Requirement(
            "attack.covert-tool-inputs",
            "attack",
            "A tool's arguments are validated before the tool runs; a fault is told without internals.",
            _TOOLS,
            "server",
            tests_in("server/test_sample.py", "what_goes_wrong_in_a_tool_is_told_without_its_internals"),
        ),
        Requirement(
            "attack.hidden-turns",
            "attack",
            "Text cannot fake a turn of the conversation or a system prompt.",
            _HIDDEN,
            "models",
            tests_in(
                "models/embedded/test_chat.py",
                "text_cannot_fake_a_turn_with_control_tokens",
                "a_system_prompt_cannot_fake_a_turn_either",
            )
            + tests_in("models/codecs/test_properties.py", "turns_alternate_and_none_is_empty"),
        ),
        Requirement(
            "attack.hidden-characters",
            "attack",
            "Zero-width, bidirectional and control characters are flagged.",
            _HIDDEN,
            "host",
            tests_in(
                "host/engine/test_scanning.py",
                "hidden_characters_make_a_person_be_asked_even_where_the_policy_allows",
                "an_instruction_in_a_system_prompt_is_denied_where_the_policy_says_so",
            )
            + tests_in("adversarial/test_hidden.py", "hidden_characters_are_flagged_and_with_nobody_there_refused"),
        ),
        Requirement(
            "attack.hidden-shown-whole",
            "attack",
            "The whole prompt, system prompt included, is shown to the person who decides, escaped.",
            _HIDDEN,
            "host",
            tests_in("host/engine/test_asking.py", "a_person_is_shown_the_whole_request_its_model_and_what_it_can_cost")
            + tests_in("host/approval/test_elicitation.py", "the_message_sets_every_line_of_the_prompt_off")
            + tests_in("adversarial/test_hidden.py", "the_person_who_is_asked_is_shown_the_text_escaped"),
        ),
        Requirement(
            "attack.hidden-size",
            "attack",
            "Requests above a size are refused.",
            _HIDDEN,
            "host",
            tests_in(
                "host/engine/test_limits.py",
                "what_cannot_be_clamped_is_refused",
                "what_was_refused_for_its_size_still_counts_as_arrived",
            )
            + tests_in("adversarial/test_theft.py", "an_enormous_prompt_is_refused_before_anything_is_spent"),
        ),
        Requirement(
            "attack.hidden-role",
            "attack",
            "A system prompt that overrides the model's role, or asks for a hidden task, is asked about or denied.",
            _HIDDEN,
            "host",
            tests_in("adversarial/test_hidden.py", "a_system_prompt_that_overrides_the_role_is_stopped")
            + tests_in("adversarial/test_theft.py", "a_hidden_extra_task_is_asked_about_and_with_nobody_there_refused"),
        ),
        Requirement(
            "attack.hidden-shape",
            "attack",
            "Deep nesting and text that is no Unicode are refused, on record, and harm no other request.",
            _HIDDEN,
            "host",
            tests_in(
                "adversarial/test_theft.py",
                "deeply_nested_metadata_harms_nobody",
                "metadata_too_deep_for_the_sdk_is_refused_too",
                "text_that_is_no_unicode_is_refused_and_leaves_a_record",
            ),
        ),
        Requirement(
            "attack.leak-allow-lists",
            "attack",
            "Which server may use which model is a list in the policy.",
            _LEAK,
            "host",
            tests_in(
                "host/test_host_policy.py",
                "the_model_is_one_that_the_policy_allows_whatever_the_server_would_like",
                "a_server_may_use_the_models_of_its_own_list_only",
            )
            + tests_in("host/engine/test_choosing.py", "without_an_allowed_model_nothing_is_called")
            + tests_in(
                "adversarial/test_leaks.py",
                "a_model_that_is_not_allowed_is_not_called_however_it_is_asked_for",
                "a_server_gets_no_model_from_the_list_of_another",
            ),
        ),
        Requirement(
            "attack.leak-redaction",
            "attack",
            "Secrets are redacted on the way out.",
            _LEAK,
            "host",
            tests_in("host/engine/test_scanning.py", "secrets_are_taken_out_before_the_model_or_a_person_sees_them")
            + tests_in("adversarial/test_leaks.py", "a_secret_reaches_neither_the_model_nor_the_record"),
        ),
        Requirement(
            "attack.leak-keys",
            "attack",
            "A provider's key goes to that provider's address alone.",
            _LEAK,
            "models",
            tests_in("models/test_anthropic.py", "another_address_does_not_get_the_key_of_the_environment")
            + tests_in("models/test_openai.py", "a_local_server_needs_no_key_and_does_not_get_openais")
            + tests_in("models/embedded/test_model.py", "its_endpoint_is_closed_to_those_without_the_key")
            + tests_in(
                "faults/test_secrets.py", "planted_secrets_are_in_no_log_no_record_and_nothing_that_a_server_gets"
            ),
        ),
        Requirement(
            "attack.leak-record-handed-out",
            "attack",
            "Every request leaves a record, refused and cancelled ones too.",
            _LEAK,
            "host",
            tests_in(
                "host/test_driver.py",
                "cancelling_the_task_reaches_the_model_and_is_recorded",
                "an_observer_in_trouble_is_logged_and_the_answer_goes_out",
            )
            + tests_in("host/engine/test_answering.py", "a_refusal_keeps_its_code_in_the_record"),
        ),
        Requirement(
            "attack.leak-audit",
            "attack",
            "Records are kept, and survive a crash.",
            _LEAK,
            "store",
            tests_in(
                "host/engine/test_recording.py",
                "the_record_is_begun_before_the_model_is_called_and_ended_under_its_number",
                "when_the_record_cannot_be_begun_nothing_is_called",
            )
            + tests_in("host/test_host_policy.py", "every_way_out_leaves_exactly_one_record")
            + tests_in("host/test_host_killed.py", "every_started_call_is_on_record_and_every_reservation_ends")
            + tests_in("store/test_killed.py", "every_started_call_is_there")
            + tests_in("faults/test_killed.py", "a_killed_host_leaves_every_started_call_and_no_budget_held_for_good"),
        ),
        Requirement(
            "attack.consent-our-name",
            "attack",
            "A server goes by the name that we reached it under, never by what it calls itself.",
            _CONSENT,
            "host",
            tests_in(
                "host/test_callbacks.py",
                "a_tool_gets_its_answer_and_the_record_has_our_name_for_the_server",
                "one_host_serves_several_servers_under_their_names",
            )
            + tests_in(
                "adversarial/test_consent.py",
                "the_name_that_a_server_gives_itself_buys_nothing",
                "a_new_name_does_not_shake_off_a_denial",
            ),
        ),
        Requirement(
            "attack.consent-fail-closed",
            "attack",
            "A fault on the way of a request ends it; nothing is answered by default.",
            _CONSENT,
            "host",
            tests_in(
                "host/engine/test_answering.py",
                "a_fault_in_a_stage_fails_closed_and_is_recorded",
                "a_line_of_stages_without_a_model_fails_closed",
                "an_event_that_does_not_belong_to_the_command_fails_closed",
            )
            + tests_in("faults/test_store.py", "a_locked_store_stops_what_has_not_begun_and_is_used_again"),
        ),
        Requirement(
            "attack.consent-sticky-deny",
            "attack",
            "A denial stays until a person takes it back.",
            _CONSENT,
            "host",
            tests_in("host/engine/test_asking.py", "a_no_from_before_refuses_what_the_policy_allows")
            + tests_in(
                "host/test_host_policy.py", "never_sticks_over_the_end_of_the_process_and_stops_what_the_policy_allows"
            )
            + tests_in(
                "adversarial/test_consent.py", "a_denied_request_that_is_replayed_is_refused_without_a_question"
            ),
        ),
        Requirement(
            "attack.consent-one-at-a-time",
            "attack",
            "A person is asked one question at a time.",
            _CONSENT,
            "host",
            tests_in("host/approval/test_elicitation.py", "one_question_at_a_time_and_none_after_its_deadline")
            + tests_in("host/test_host_policy.py", "ten_requests_at_once_ask_until_somebody_has_said_never")
            + tests_in(
                "adversarial/test_consent.py",
                "a_flood_of_questions_is_over_with_the_first_never",
                "of_two_edits_that_race_one_wins_and_the_model_sees_that_one",
            ),
        ),
        Requirement(
            "attack.state-tampered",
            "attack",
            "An altered state, or one that was made up, opens nothing and harms nobody's call.",
            _STATE,
            "server",
            tests_in("server/test_sampling.py", "a_state_opens_only_the_request_it_was_made_for")
            + tests_in("conformance/test_conformance.py", "server_that_asks_passes"),
        ),
        Requirement(
            "attack.state-stolen",
            "attack",
            "A stolen state is of no use to another principal, or for another request.",
            _STATE,
            "server",
            tests_in("server/test_sampling.py", "a_state_belongs_to_its_principal_on_a_bare_server_too")
            + tests_in("server/test_parking.py", "a_stranger_is_refused_and_uses_nothing_up"),
        ),
        Requirement(
            "attack.state-replayed",
            "attack",
            "A state that was used, or is too old, opens nothing.",
            _STATE,
            "server",
            tests_in("server/test_sampling.py", "a_used_state_opens_nothing")
            + tests_in("server/test_parking.py", "a_call_that_is_due_cannot_be_resumed_even_before_the_timer_came"),
        ),
    ),
)
