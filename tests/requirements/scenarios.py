"""What the system has to do: the scenarios, row by row."""

from __future__ import annotations

from tests.requirements.rows import Group, Requirement, tests_in

__all__ = ["BEYOND", "SCENARIOS"]

_MATRIX = tests_in("matrix/test_matrix.py", "an_example_asks_the_clients_model_and_runs_once")
"""Every example over stdio and HTTP, on both eras, with both clients."""
_REAL = tests_in("matrix/test_embedded.py", "a_log_line_is_explained_and_archived")
_GOLDEN = tests_in(
    "models/test_golden.py", "a_request_becomes_exactly_this_body", "an_answer_becomes_exactly_this_result"
)


def _scenario(
    number: str, what: str, demand: str, room: str, tests: tuple[str, ...] = (), pending: str = ""
) -> Requirement:
    name = f"scenario.{number}-{what}" if what else f"scenario.{number}"
    source = {
        "A": "Walkthrough: a server that summarises",
        "B": "Lesson: blog and product servers",
        "C": "Handlers and fallback",
        "D": "The log archiver",
        "E": "Progress, timeouts, errors",
    }[number[0]]
    return Requirement(name, "scenario", demand, f"{source}, {number[1:]}", room, tests, pending)


SCENARIOS = Group(
    "Scenarios",
    "What servers, clients and hosts do with it. Each runs over stdio and HTTP, on both eras.",
    (
        Requirement(
            "scenario.everywhere",
            "scenario",
            "Every scenario runs over stdio and streamable HTTP, on a legacy and on a modern connection.",
            "All scenarios",
            "server",
            _MATRIX,
        ),
        Requirement(
            "scenario.real-model",
            "scenario",
            "The same with a real model, on every transport and both eras.",
            "All scenarios",
            "models",
            _REAL,
        ),
        _scenario(
            "A1",
            "",
            "`summarize(text_to_summarize)` samples with 4000 tokens and its system prompt.",
            "server",
            _MATRIX,
        ),
        _scenario(
            "A2",
            "",
            "A client passes one sampling callback, which receives the server's messages.",
            "host",
            tests_in(
                "host/test_callbacks.py",
                "the_bare_callback_serves_a_client_with_one_server",
                "the_unchanged_create_message_of_a_legacy_server_is_answered",
            ),
        ),
        _scenario(
            "A3",
            "",
            "Messages are converted to a provider's own and back, everything included.",
            "models",
            _GOLDEN
            + tests_in("models/test_transport.py", "a_text_goes_there_and_comes_back", "tools_work_both_ways")
            + tests_in("models/test_real_endpoints.py", "a_real_model_answers"),
        ),
        _scenario(
            "A3",
            "anthropic",
            "The walkthrough's client answers through Anthropic's API.",
            "host",
            tests_in("examples/test_clients.py", "the_walkthroughs_client_speaks_to_anthropics_api"),
        ),
        _scenario(
            "A4",
            "",
            "One tool call samples several times, the second depending on the first, and runs its body once.",
            "server",
            _MATRIX
            + tests_in("server/test_sampling.py", "an_unchanged_body_runs_once_on_both_eras")
            + tests_in("server/test_http.py", "a_modern_call_needs_no_session"),
        ),
        _scenario(
            "B1",
            "",
            "`create_blog` stores a post with the abstract it sampled, and returns id and abstract as JSON.",
            "server",
            _MATRIX,
        ),
        _scenario(
            "B1",
            "address",
            "The blog is served at `http://localhost:8000/mcp`, and an `mcp.json` entry leads an editor there.",
            "server",
            tests_in(
                "examples/test_configs.py",
                "the_address_is_where_an_example_listens_by_default",
                "each_entry_names_an_example",
            )
            + tests_in("examples/test_running.py", "a_server_serves_http"),
        ),
        _scenario(
            "B1",
            "readme",
            "The README shows that entry.",
            "server",
            tests_in("test_readme.py", "the_editors_entry_is_the_examples"),
        ),
        _scenario(
            "B2",
            "",
            "`create_product` returns a product whose description the client's model wrote.",
            "server",
            _MATRIX,
        ),
        _scenario(
            "B3",
            "",
            "A request carries preferences, system prompt and token limit; the answer names the model that answered.",
            "server",
            tests_in("server/test_sample.py", "everything_said_reaches_the_model_and_everything_answered_comes_back")
            + tests_in("server/test_prompt.py", "every_way_to_prefer_a_model_is_the_same"),
        ),
        _scenario(
            "B4",
            "",
            "Messages are text, image or audio.",
            "server",
            tests_in("server/test_sample.py", "a_picture_and_a_sound_travel_with_their_types")
            + tests_in("test_peer_faults.py", "a_picture_in_the_answer_is_not_lost")
            + _GOLDEN,
        ),
        _scenario(
            "B5",
            "",
            "The client declares the `sampling` capability.",
            "host",
            tests_in("host/test_declaration.py", "sampling_is_declared_with_the_tools_that_the_host_takes"),
        ),
        _scenario(
            "B6",
            "dialog",
            "The first time a server samples, a person is asked.",
            "host",
            tests_in("host/engine/test_asking.py", "a_person_is_shown_the_whole_request_its_model_and_what_it_can_cost")
            + tests_in(
                "host/test_host_policy.py",
                "a_function_decides",
                "always_spares_the_question_for_the_like_and_not_for_what_is_flagged",
            ),
        ),
        _scenario(
            "B6",
            "access",
            "Which models a server may use is configured for it.",
            "host",
            tests_in("host/test_host_policy.py", "a_server_may_use_the_models_of_its_own_list_only"),
        ),
        _scenario(
            "B6",
            "list",
            "The recent requests of a server can be listed.",
            "store",
            tests_in("store/test_listing.py", "the_newest_comes_first_and_pages_join")
            + tests_in("host/test_host_policy.py", "what_the_policy_allows_is_answered_and_on_record"),
        ),
        _scenario("B6", "inspect", "Results and raw JSON can be inspected.", "web", pending="web"),
        _scenario(
            "C1",
            "",
            "A handler is a function of messages, params and context that returns a string or a full result.",
            "host",
            tests_in(
                "host/test_handler.py",
                "it_receives_messages_params_and_context",
                "a_string_becomes_a_result_that_names_the_handler",
                "it_may_return_a_full_result",
                "it_may_take_fewer_arguments",
            ),
        ),
        _scenario(
            "C2",
            "",
            "A simple handler turns a whole conversation, with roles and system prompt, into one call.",
            "host",
            tests_in("examples/test_clients.py", "a_plain_function_answers_both_questions"),
        ),
        _scenario(
            "C3",
            "error",
            "A client without sampling makes the server report a clear error.",
            "server",
            tests_in("server/test_sampling.py", "without_sampling_the_body_learns_what_to_declare")
            + tests_in("matrix/test_matrix.py", "a_client_that_cannot_sample_is_told_so_or_served_otherwise")
            + tests_in("interop/test_typescript_clients.py", "a_client_that_declares_no_sampling_is_told_what_to_do"),
        ),
        _scenario(
            "C3",
            "fallback",
            "Unless the server has a fallback, which then answers.",
            "server",
            tests_in(
                "server/test_sample.py",
                "the_fallback_answers_for_a_client_that_cannot",
                "the_fallback_stays_out_where_the_client_can",
            )
            + tests_in("matrix/test_embedded.py", "a_fallback_answers_where_the_client_cannot_be_asked"),
        ),
        _scenario(
            "C3",
            "openai-compatible",
            "Any OpenAI-compatible API serves as the fallback, by model name, key and address.",
            "models",
            tests_in("matrix/test_matrix.py", "a_client_that_cannot_sample_is_told_so_or_served_otherwise")
            + tests_in("models/test_openai.py", "a_local_server_needs_no_key_and_does_not_get_openais")
            + tests_in("models/embedded/test_model.py", "openais_sdk_can_use_its_endpoint"),
        ),
        _scenario(
            "C3",
            "one-string",
            '`sample(messages=["hello world!"])` is enough for a call.',
            "server",
            tests_in("server/test_sample.py", "a_list_of_strings_is_enough_for_a_call")
            + tests_in("test_peer_faults.py", "a_plain_string_is_enough_and_so_is_a_list_of_one"),
        ),
        _scenario(
            "D1",
            "",
            "`process_log_entry` samples an explanation, appends it to the incident report and reports success.",
            "server",
            _MATRIX + _REAL,
        ),
        _scenario(
            "D1",
            "other-content",
            "An answer that is not text does not break it.",
            "server",
            tests_in("examples/test_servers.py", "an_answer_that_is_no_text_is_archived_as_such"),
        ),
        _scenario(
            "D2",
            "",
            "The client answers through a model, prints what was asked and answered, and the tool's result.",
            "host",
            tests_in(
                "examples/test_clients.py",
                "the_log_client_shows_question_answer_and_result",
                "a_client_says_what_its_model_lacks",
            ),
        ),
        _scenario(
            "E1", "", "The sentiment of a text comes back as one of three words, with preferences.", "server", _MATRIX
        ),
        _scenario(
            "E2",
            "",
            "It waits without limit and gives a sign of life every five seconds.",
            "server",
            tests_in(
                "server/test_heartbeat.py",
                "progress_reaches_a_client_that_waits_for_its_own_model",
                "an_unchanged_body_keeps_its_call_alive_too",
            )
            + tests_in(
                "server/test_questions.py", "by_default_a_sample_waits_without_limit_and_beats_every_five_seconds"
            ),
        ),
        _scenario(
            "E3",
            "",
            "Timeout, progress interval and a progress callback are options.",
            "server",
            tests_in(
                "server/test_sampling.py",
                "a_timeout_cancels_the_clients_work_and_is_raised_in_the_body",
                "a_parked_question_times_out_and_the_call_still_ends_well",
            )
            + tests_in(
                "server/test_heartbeat.py",
                "nobody_is_told_who_gave_no_token_but_the_author_is",
                "without_an_interval_there_is_no_timer",
            ),
        ),
        _scenario(
            "E4",
            "",
            "`create_message` is there for full control, unchanged.",
            "server",
            tests_in("server/test_sampling.py", "an_unchanged_body_runs_once_on_both_eras", "a_fastmcp_server_samples"),
        ),
        _scenario(
            "E5",
            "",
            "Without sampling the body gets an error that says so, and can answer something useful instead.",
            "server",
            tests_in("server/test_sampling.py", "without_sampling_the_body_learns_what_to_declare")
            + tests_in("test_peer_faults.py", "a_client_without_sampling_leaves_the_tool_useful"),
        ),
    ),
)

BEYOND = Group(
    "Beyond the scenarios",
    "What none of their sources does.",
    (
        Requirement(
            "beyond.modern",
            "scenario",
            "All of it works on 2026-07-28, where the code of the sources no longer does.",
            "Beyond the sources",
            "server",
            _MATRIX + tests_in("server/test_sampling.py", "an_unchanged_body_runs_once_on_both_eras"),
        ),
        Requirement(
            "beyond.other-clients",
            "scenario",
            "Clients in other languages sample against it, of today and of the year before.",
            "Beyond the sources",
            "server",
            tests_in(
                "interop/test_typescript_clients.py",
                "samples_at_once_and_in_a_row_reach_the_client_and_the_body_runs_once",
                "the_clients_model_uses_a_tool_of_the_server",
            ),
        ),
        Requirement(
            "beyond.gateway",
            "scenario",
            "Clients that cannot sample get it by way of the gateway.",
            "Beyond the sources",
            "gateway",
            tests_in("cli/test_gateway.py", "a_client_that_cannot_sample_gets_its_tools_answers")
            + tests_in(
                "gateway/mixed/test_everything.py",
                "a_client_that_cannot_sample_gets_its_sampling_tool_and_its_answer",
            ),
        ),
        Requirement(
            "beyond.budgets",
            "scenario",
            "Budgets are kept.",
            "Beyond the sources",
            "host",
            tests_in("host/test_host_policy.py", "what_a_budget_does_not_hold_is_refused_and_says_when_to_come_back")
            + tests_in(
                "store/test_budgets_across_processes.py",
                "a_budget_is_used_up_to_the_last_token_that_fits_and_not_beyond",
            ),
        ),
        Requirement(
            "beyond.review",
            "scenario",
            "A person reviews.",
            "Beyond the sources",
            "host",
            tests_in(
                "host/test_host_policy.py",
                "a_person_edits_the_request_and_reviews_the_reply",
                "a_question_laid_into_the_store_is_decided_by_another_process",
            ),
        ),
        Requirement(
            "beyond.audit",
            "scenario",
            "There is an audit log.",
            "Beyond the sources",
            "store",
            tests_in(
                "host/test_host_policy.py",
                "what_the_policy_allows_is_answered_and_on_record",
                "every_way_out_leaves_exactly_one_record",
            )
            + tests_in("store/test_killed.py", "every_started_call_is_there"),
        ),
        Requirement(
            "beyond.tools",
            "scenario",
            "The sampled model may use functions of the server.",
            "Beyond the sources",
            "server",
            tests_in(
                "server/test_sample.py",
                "the_loop_runs_what_the_model_asks_for_and_ends_on_text",
                "several_tools_of_one_answer_run_at_once",
            ),
        ),
        Requirement(
            "beyond.structured",
            "scenario",
            "An answer comes as a value of a type, with tools and without.",
            "Beyond the sources",
            "server",
            tests_in(
                "server/test_sample.py",
                "a_type_comes_through_a_forced_tool_where_there_are_tools",
                "a_type_comes_as_text_where_there_are_none",
            ),
        ),
        Requirement(
            "beyond.batches",
            "scenario",
            "What is asked at once is one round, and runs at once.",
            "Beyond the sources",
            "server",
            tests_in(
                "server/test_sampling.py",
                "what_is_asked_at_once_shares_one_round_and_no_answer_is_mixed_up",
                "five_samples_at_once_take_the_time_of_one",
            ),
        ),
        Requirement(
            "beyond.scripted",
            "scenario",
            "Authors test servers that sample against a model with a script.",
            "Beyond the sources",
            "testing",
            tests_in("testing/test_scripted.py", "it_plays_its_lines_in_order_and_remembers_what_it_was_asked"),
        ),
        Requirement(
            "beyond.cassettes",
            "scenario",
            "Real answers are recorded once and replayed in tests.",
            "Beyond the sources",
            "testing",
            pending="testing: cassettes",
        ),
    ),
)
