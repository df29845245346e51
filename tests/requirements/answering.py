"""What the one who answers owes, and what of it falls to the server."""

from __future__ import annotations

from tests.requirements.rows import Group, Requirement, tests_in

__all__ = ["ANSWERING"]

_SAMPLING = "2025-11-25 client/sampling"

ANSWERING = Group(
    "The one who answers",
    "What a host owes to a server, to its own user, and to the protocol.",
    (
        Requirement(
            "answer.declare",
            "MUST",
            "Who answers sampling declares the `sampling` capability, with `tools` only when it takes them.",
            f"{_SAMPLING}, Capabilities",
            "host",
            tests_in("host/test_declaration.py", "sampling_is_declared_with_the_tools_that_the_host_takes")
            + tests_in("host/test_host.py", "without_tools_it_refuses_and_does_not_declare_them"),
        ),
        Requirement(
            "answer.can-refuse",
            "SHOULD",
            "The answering side can say no to a request, in code.",
            f"{_SAMPLING}, User Interaction Model",
            "host",
            tests_in("host/test_callbacks.py", "a_refusal_arrives_with_its_code")
            + tests_in("host/test_fastmcp.py", "a_refusal_keeps_its_code"),
        ),
        Requirement(
            "answer.human-can-deny",
            "SHOULD",
            "A person can deny a request before any model sees it.",
            f"{_SAMPLING}, User Interaction Model",
            "host",
            tests_in("host/engine/test_asking.py", "a_no_is_the_end_of_it_and_names_nobody")
            + tests_in("host/test_host_policy.py", "a_function_decides"),
        ),
        Requirement(
            "answer.human-reviews-prompt",
            "SHOULD",
            "A person can read and edit the prompt before it is sent.",
            f"{_SAMPLING}, User Interaction Model",
            "host",
            tests_in(
                "host/engine/test_asking.py",
                "a_person_is_shown_the_whole_request_its_model_and_what_it_can_cost",
                "an_edited_request_goes_the_whole_way_again_without_a_second_question",
            )
            + tests_in("host/test_host_policy.py", "a_person_edits_the_request_and_reviews_the_reply"),
        ),
        Requirement(
            "answer.human-reviews-reply",
            "SHOULD",
            "A person can read the reply before the server gets it.",
            f"{_SAMPLING}, User Interaction Model",
            "host",
            tests_in(
                "host/engine/test_reviewing.py",
                "a_reply_is_shown_where_the_policy_says_so",
                "an_edited_reply_is_what_leaves_and_the_change_is_noted",
            )
            + tests_in("host/test_host_policy.py", "a_person_edits_the_request_and_reviews_the_reply"),
        ),
        Requirement(
            "answer.approval-controls",
            "SHOULD",
            "Who must be asked, and who never, can be configured.",
            f"{_SAMPLING}, Security Considerations",
            "host",
            tests_in(
                "host/engine/test_policy.py",
                "a_person_is_due_where_the_policy_says_so_or_says_nothing",
                "what_is_denied_is_refused_before_any_model_and_the_operator_reads_why",
            )
            + tests_in("host/test_host_policy.py", "each_server_has_rules_of_its_own_by_our_name_for_it"),
        ),
        Requirement(
            "answer.rate-limits",
            "SHOULD",
            "Requests of a server are rate-limited, however many processes answer it.",
            f"{_SAMPLING}, Security Considerations",
            "host",
            tests_in("host/engine/test_limits.py", "more_than_so_many_a_minute_are_refused_and_told_when_to_come_back")
            + tests_in("host/test_host_policy.py", "requests_beyond_the_limit_per_minute_are_refused")
            + tests_in(
                "host/test_host_shared.py",
                "a_server_in_three_clients_gets_as_much_in_a_minute_as_in_one",
                "a_process_that_is_killed_keeps_no_place_beyond_its_minute",
            )
            + tests_in(
                "store/test_rates_across_processes.py",
                "of_a_thousand_requests_at_once_as_many_pass_as_the_rate_allows",
                "no_sixty_seconds_hold_more_while_processes_hammer_without_a_pause",
            ),
        ),
        Requirement(
            "answer.validate-request",
            "SHOULD",
            "The answering side validates a request before any model sees it.",
            f"{_SAMPLING}, Security Considerations",
            "host",
            tests_in("wire/test_sampling.py", "a_malformed_request_is_refused_with_the_place")
            + tests_in("host/engine/test_validity.py", "what_cannot_be_read_is_refused_and_kept_as_it_came")
            + tests_in(
                "wire/test_rules.py",
                "max_tokens_is_at_least_one",
                "there_is_at_least_one_message",
                "a_tool_is_offered_once_and_required_needs_one",
            ),
        ),
        Requirement(
            "answer.validate-reply",
            "SHOULD",
            "The answering side validates a reply before the server gets it.",
            f"{_SAMPLING}, Security Considerations",
            "host",
            tests_in(
                "host/engine/test_reply.py",
                "an_answer_that_breaks_a_rule_is_refused_but_kept",
                "an_answer_in_another_role_is_refused",
            ),
        ),
        Requirement(
            "answer.validate-on-the-server",
            "SHOULD",
            "The asking side validates the answer before the tool's body gets it, and its question before it goes out.",
            f"{_SAMPLING}, Security Considerations",
            "server",
            tests_in("server/test_sampling.py", "a_malformed_answer_is_a_typed_error_in_the_body")
            + tests_in(
                "server/test_sample.py",
                "a_tool_that_was_not_offered_is_an_invalid_answer",
                "a_prompt_that_is_none_is_an_error_that_says_so",
            )
            + tests_in("wire/test_sampling.py", "a_malformed_result_is_a_typed_error"),
        ),
        Requirement(
            "answer.sensitive-errors",
            "MUST",
            "What an exception or a provider says stays on its own side; a key shows nowhere.",
            f"{_SAMPLING}, Security Considerations",
            "host",
            tests_in("host/test_callbacks.py", "the_text_of_an_exception_never_reaches_the_server")
            + tests_in("host/test_driver.py", "what_a_foreign_exception_says_stays_here")
            + tests_in("models/test_transport.py", "a_key_shows_nowhere")
            + tests_in("test_peer_faults.py", "the_text_of_a_foreign_exception_crosses_no_border"),
        ),
        Requirement(
            "answer.sensitive-prompts",
            "MUST",
            "Secrets in prompts and replies can be found and redacted.",
            f"{_SAMPLING}, Security Considerations",
            "host",
            tests_in("host/engine/test_scanning.py", "secrets_are_taken_out_before_the_model_or_a_person_sees_them")
            + tests_in("host/test_keeping.py", "redacted_secrets_are_gone_wherever_they_stood_and_the_rest_is_there"),
        ),
        Requirement(
            "answer.preferences-advice",
            "MAY",
            "Model preferences are advice: a model answers although no hint names it, and says which it is.",
            f"{_SAMPLING}, Model Preferences",
            "host",
            tests_in("models/test_golden.py", "a_request_becomes_exactly_this_body")
            + tests_in("server/test_sample.py", "everything_said_reaches_the_model_and_everything_answered_comes_back"),
        ),
        Requirement(
            "answer.hints-in-order",
            "MUST",
            "Hints are evaluated in order, and the first that matches is taken.",
            "2025-11-25 ModelPreferences.hints",
            "host",
            tests_in("host/test_choosing.py", "hints_are_taken_in_order_and_the_first_match_wins")
            + tests_in(
                "host/engine/test_choosing.py",
                "hints_in_their_order_come_before_priorities_and_those_before_the_default",
            ),
        ),
        Requirement(
            "answer.hints-substring",
            "SHOULD",
            "A hint matches as a substring of a model's name.",
            "2025-11-25 ModelHint.name",
            "host",
            tests_in("host/test_choosing.py", "a_hint_is_met_by_name_then_by_family_then_by_an_equivalent")
            + tests_in(
                "host/engine/test_choosing.py",
                "hints_in_their_order_come_before_priorities_and_those_before_the_default",
            ),
        ),
        Requirement(
            "answer.hints-equivalents",
            "MAY",
            "A hint may stand for a similar model of another provider.",
            "2025-11-25 ModelHint.name",
            "host",
            tests_in("host/test_choosing.py", "a_hint_is_met_by_name_then_by_family_then_by_an_equivalent")
            + tests_in("host/engine/test_choosing.py", "a_hint_for_a_model_of_another_provider_finds_its_equivalent"),
        ),
        Requirement(
            "answer.hints-before-priorities",
            "SHOULD",
            "Hints outrank priorities, which decide among several matches.",
            "2025-11-25 ModelPreferences.hints",
            "host",
            tests_in(
                "host/test_choosing.py",
                "hints_outrank_priorities",
                "priorities_settle_which_of_several_matches_answers",
            )
            + tests_in(
                "host/engine/test_choosing.py",
                "hints_in_their_order_come_before_priorities_and_those_before_the_default",
            ),
        ),
        Requirement(
            "answer.priorities-range",
            "MUST",
            "Priorities are 0 to 1; others are refused on either side.",
            "2025-11-25 ModelPreferences",
            "wire",
            tests_in("wire/test_sampling.py", "a_malformed_request_is_refused_with_the_place")
            + tests_in("server/test_sample.py", "priorities_outside_their_range_are_refused_here"),
        ),
        Requirement(
            "answer.max-tokens",
            "MUST",
            "No answer has more than `maxTokens` tokens, and a shorter one says that it was cut.",
            "2025-11-25 CreateMessageRequestParams.maxTokens",
            "models",
            tests_in(
                "models/test_golden.py", "a_request_becomes_exactly_this_body", "an_answer_becomes_exactly_this_result"
            )
            + tests_in("models/test_real_endpoints.py", "the_limit_holds_and_is_told")
            + tests_in("models/embedded/test_model.py", "max_tokens_is_respected")
            + tests_in("server/test_sample.py", "everything_said_reaches_the_model_and_everything_answered_comes_back"),
        ),
        Requirement(
            "answer.changes-are-told",
            "MAY",
            "Temperature, stop sequences, metadata, system prompt and context may be changed; each change is noted.",
            "2025-11-25 CreateMessageRequestParams",
            "models",
            tests_in("models/codecs/test_properties.py", "whatever_is_left_out_is_named")
            + tests_in("models/embedded/test_chat.py", "metadata_and_context_are_dropped_and_said")
            + tests_in("host/engine/test_answering.py", "adjustments_of_stages_and_model_are_kept_together"),
        ),
        Requirement(
            "answer.undeclared-tools",
            "MUST",
            "`tools` or `toolChoice` without a declared `sampling.tools` is answered with an error.",
            "2025-11-25 CreateMessageRequestParams.tools and .toolChoice",
            "host",
            tests_in("host/test_callbacks.py", "undeclared_tools_are_invalid_params")
            + tests_in("wire/test_rules.py", "tools_need_a_declaration")
            + tests_in("host/test_fastmcp.py", "tools_are_refused_unless_declared"),
        ),
        Requirement(
            "answer.tool-choice-auto",
            "MUST",
            "Without a tool choice, or with `auto`, the model decides by itself whether to use a tool.",
            "2025-11-25 ToolChoice.mode",
            "models",
            tests_in(
                "models/test_golden.py", "a_request_becomes_exactly_this_body", "an_answer_becomes_exactly_this_result"
            ),
        ),
        Requirement(
            "answer.tool-choice-required",
            "MUST",
            "With `required` the model uses at least one tool, or the answer is refused.",
            "2025-11-25 ToolChoice.mode",
            "host",
            tests_in("host/engine/test_reply.py", "a_required_tool_that_was_not_used_is_refused")
            + tests_in("wire/test_rules.py", "an_answer_keeps_to_the_tool_choice")
            + tests_in("models/embedded/test_model.py", "a_required_tool_is_used_with_arguments_of_its_schema"),
        ),
        Requirement(
            "answer.tool-choice-none",
            "MUST",
            "With `none` the model uses no tool, or the answer is refused.",
            "2025-11-25 ToolChoice.mode",
            "host",
            tests_in("wire/test_rules.py", "an_answer_keeps_to_the_tool_choice")
            + tests_in("host/engine/test_reply.py", "an_answer_that_breaks_a_rule_is_refused_but_kept"),
        ),
        Requirement(
            "answer.results-alone",
            "MUST",
            "A user message with a tool result contains nothing but tool results.",
            f"{_SAMPLING}, Tool Result Messages",
            "wire",
            tests_in("wire/test_rules.py", "unbalanced_turns_are_refused", "balanced_turns_pass"),
        ),
        Requirement(
            "answer.results-balanced",
            "MUST",
            "Tool uses of an assistant message are all answered by the next message, a user's; else `-32602`.",
            f"{_SAMPLING}, Tool Use and Result Balance; ToolResultContent.toolUseId",
            "host",
            tests_in("host/test_callbacks.py", "unbalanced_tool_results_are_invalid_params")
            + tests_in("host/engine/test_validity.py", "unbalanced_tool_results_are_refused")
            + tests_in("wire/test_rules.py", "unbalanced_turns_are_refused"),
        ),
        Requirement(
            "answer.results-balanced-asking",
            "MUST",
            "The server's own tool loops and corrections keep tool uses and results balanced.",
            f"{_SAMPLING}, Tool Use and Result Balance",
            "server",
            tests_in(
                "server/test_sample.py",
                "a_wrong_submission_goes_back_with_the_error_as_a_balanced_transcript",
                "the_loop_runs_what_the_model_asks_for_and_ends_on_text",
            )
            + tests_in("test_peer_faults.py", "a_structured_answer_is_asked_for_again_with_a_sound_transcript"),
        ),
        Requirement(
            "answer.tool-meta-kept",
            "SHOULD",
            "`_meta` of tool uses and tool results is kept in later requests.",
            "2025-11-25 ToolUseContent._meta and ToolResultContent._meta",
            "server",
            tests_in("server/test_questions.py", "metadata_of_tool_blocks_comes_back_to_the_model")
            + tests_in("wire/test_sampling.py", "a_full_request_survives_the_way_in_and_out"),
        ),
        Requirement(
            "answer.stop-reasons",
            "MUST",
            "`endTurn`, `stopSequence`, `maxTokens` and `toolUse` mean what they say, for every provider.",
            "2025-11-25 CreateMessageResult.stopReason",
            "models",
            tests_in("models/test_golden.py", "an_answer_becomes_exactly_this_result")
            + tests_in("models/test_real_endpoints.py", "a_stop_sequence_never_shows")
            + tests_in("models/embedded/test_generation.py", "a_limit_is_told_from_an_end"),
        ),
        Requirement(
            "answer.stop-reason-open",
            "MAY",
            "Any other string is a stop reason, too, and comes through; a refusal is never an `endTurn`.",
            "2025-11-25 CreateMessageResult.stopReason",
            "server",
            tests_in("server/test_questions.py", "a_stop_reason_of_the_providers_own_comes_through")
            + tests_in("test_peer_faults.py", "a_refusal_is_not_an_end_of_turn_and_the_models_name_is_kept"),
        ),
        Requirement(
            "answer.model-named",
            "MUST",
            "The answer names the model that really answered.",
            "2025-11-25 CreateMessageResult.model",
            "models",
            tests_in("models/test_golden.py", "an_answer_becomes_exactly_this_result")
            + tests_in("test_peer_faults.py", "a_refusal_is_not_an_end_of_turn_and_the_models_name_is_kept"),
        ),
        Requirement(
            "answer.nothing-kept",
            "SHOULD",
            "Messages of one request are not in the next.",
            f"{_SAMPLING}, Message Retention",
            "host",
            tests_in("host/test_declaration.py", "nothing_of_one_request_is_in_the_next"),
        ),
        Requirement(
            "answer.refused-code",
            "SHOULD",
            "A person's no is the error `-1`.",
            f"{_SAMPLING}, Error Handling",
            "host",
            tests_in("host/test_callbacks.py", "a_refusal_arrives_with_its_code")
            + tests_in("server/test_sampling.py", "a_refusal_can_be_caught_as_either_librarys_error")
            + tests_in("interop/test_server_everything.py", "a_refusal_reaches_it_as_the_protocols_error"),
        ),
        Requirement(
            "answer.round-cap-asking",
            "SHOULD",
            "The asking side caps the steps of a tool loop, and offers no tools in the last one.",
            f"{_SAMPLING}, Multi-turn Tool Loop",
            "server",
            tests_in(
                "server/test_sample.py",
                "the_last_step_is_asked_for_without_tools",
                "it_is_asked_for_at_most_twice_again",
                "max_steps_is_at_least_one",
            ),
        ),
        Requirement(
            "answer.round-cap-answering",
            "SHOULD",
            "The answering side caps the rounds that one call of a server may take.",
            f"{_SAMPLING}, Multi-turn Tool Loop",
            "host",
            tests_in(
                "host/engine/test_limits.py",
                "a_call_of_too_many_rounds_is_refused",
                "a_tool_call_that_samples_on_and_on_is_stopped",
            ),
        ),
    ),
)
