"""What goes through: between whom, unchanged, and at what cost."""

from __future__ import annotations

from tests.requirements.gateway.names import ANSWERING, COMMAND, FORWARDING, PURPOSE
from tests.requirements.rows import Requirement, tests_in

__all__ = ["PASSING"]

PASSING = (
    Requirement(
        "gateway.forms",
        "scenario",
        "A client on stdio or HTTP uses a server on stdio or HTTP, in all four combinations.",
        PURPOSE,
        "gateway",
        tests_in(COMMAND, "a_client_that_cannot_sample_gets_its_tools_answers")
        + tests_in("gateway/http/test_proxying.py", "a_client_that_cannot_sample_gets_its_answer")
        + tests_in("gateway/mixed/test_bridging.py", "a_client_on_pipes_uses_a_server_behind_http")
        + tests_in("gateway/mixed/test_hosting.py", "a_client_over_http_uses_a_server_on_its_pipes"),
    ),
    Requirement(
        "gateway.several-servers",
        "scenario",
        "One gateway serves several servers over HTTP, each at a path of its own.",
        PURPOSE,
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
        + tests_in(FORWARDING, "events_go_on_as_the_bytes_they_came_in_and_one_that_is_taken_leaves_its_id")
        + tests_in("gateway/http/test_proxying.py", "what_is_not_about_sampling_works_as_without_a_gateway"),
    ),
    Requirement(
        "gateway.conformance",
        "scenario",
        "The conformance suite finds the same with a gateway in between, in both eras, and the bytes are the same.",
        PURPOSE,
        "gateway",
        tests_in(
            "conformance/test_gateway_transparency.py",
            "each_check_comes_out_as_without_the_gateway",
            "every_request_passes_to_the_byte",
            "every_response_passes_to_the_byte",
        )
        + tests_in("conformance/test_gateway_hosting.py", "each_check_comes_out_as_on_http"),
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
        PURPOSE,
        "gateway",
        tests_in("gateway/stdio/test_driver.py", "a_frame_of_a_hundred_megabytes_passes_both_ways")
        + tests_in("faults/gateway/test_pressure.py", "frames_of_a_hundred_megabytes_pass_both_ways"),
    ),
    Requirement(
        "gateway.never-crashes",
        "MUST",
        "No frame of either peer makes it fail, or reach anybody it was not for.",
        PURPOSE,
        "gateway",
        tests_in("gateway/session/test_random.py", "it_holds_for_long")
        + tests_in("fuzz/test_fuzz.py", "a_fuzzer_finds_nothing_in_frames_and_sessions")
        + tests_in("gateway/test_frames.py", "nothing_makes_reading_raise"),
    ),
    Requirement(
        "gateway.many-servers",
        "scenario",
        "Servers and clients of many makes work through it, with clients that cannot sample.",
        PURPOSE,
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
        PURPOSE,
        "gateway",
        tests_in(
            "interop/gateway/test_chains.py",
            "of_two_gateways_one_answers_once",
            "fastmcps_proxy_may_stand_before_the_gateway",
            "fastmcps_proxy_may_stand_behind_the_gateway",
        ),
    ),
    Requirement(
        "gateway.light",
        "scenario",
        "On stdio the server is started first, and no SDK is loaded.",
        PURPOSE,
        "gateway",
        tests_in(COMMAND, "the_first_thing_is_the_server_and_no_sdk_is_loaded")
        + tests_in(ANSWERING, "importing_it_is_light"),
    ),
)
