"""What a wrong policy file is told: the golden messages."""

from __future__ import annotations

import pytest

from upcall.errors import ConfigurationError
from upcall.host.policy import check_policy, parse_policy

CASES = {
    # keys
    "[default]\ndecison = 'ask'": "line 2: There is no key default.decison. Did you mean default.decision?",
    "decision = 'ask'": "line 1: There is no key decision. Did you mean default.decision?",
    "[default]\nmax_tokens = 5": (
        "line 2: There is no key default.max_tokens. Did you mean default.limits.max_tokens?"
    ),
    "[server.a.limits]\ntools = true": "line 2: There is no key server.a.limits.tools. Did you mean server.a.tools?",
    "[servers.a]\ntools = true": "line 1: There is no key servers. Did you mean server?",
    "[store]\nxyz = 1": "line 2: There is no key store.xyz. Known here: url.",
    "[command.a]\nargv = ['x']\nshell = 1": (
        "line 3: There is no key command.a.shell. Known here: argv, timeout, output_bytes, env, stdin, cwd."
    ),
    # types and values
    "[default]\n\ndecision = 'alow'": (
        'line 3: default.decision takes "allow", "ask" or "deny"; it is "alow". Did you mean "allow"?'
    ),
    "[default]\ntools = 1": "line 2: default.tools takes true or false; it is 1.",
    "[default]\nredact = 'yes'": 'line 2: default.redact takes true or false; it is "yes".',
    "[default]\nmodels = 'a/b'": 'line 2: default.models takes a list of texts in quotes; it is "a/b".',
    "[default]\nmedia = [\n 'image',\n 'video']": (
        'line 4: default.media #2 takes "audio", "file" or "image"; it is "video".'
    ),
    "[default]\ndeadline = 0": (
        "line 2: default.deadline takes a number of seconds, above 0 and within a year; it is 0."
    ),
    "[default]\ndeadline = inf": (
        "line 2: default.deadline takes a number of seconds, above 0 and within a year; it is Infinity."
    ),
    "[default]\nlimits.per_minute = 0": (
        'line 2: default.limits.per_minute takes a whole number from 1 to 1e15 or "unlimited"; it is 0.'
    ),
    "[default]\nlimits.max_tokens = 1.5": (
        'line 2: default.limits.max_tokens takes a whole number from 1 to 1e15 or "unlimited"; it is 1.5.'
    ),
    "[default]\nlimits.max_tokens = 'none'": (
        'line 2: default.limits.max_tokens takes a whole number from 1 to 1e15 or "unlimited"; it is "none".'
    ),
    "[default]\nlimits = 5": "line 2: default.limits takes a table; it is 5.",
    "server = 5": "line 1: server takes a table; it is 5.",
    "[server]\nlogs = 'allow'": 'line 2: server.logs takes a table; it is "allow".',
    "[approval]\nby = 'web'": 'line 2: approval.by takes "elicitation", "none", "store" or "terminal"; it is "web".',
    "[default]\nscan.secrets = 'block'": 'line 2: default.scan.secrets takes "ask", "deny" or "note"; it is "block".',
    "[default]\nscan.secret = 'ask'": "line 2: There is no flag secret. Did you mean secrets?",
    # the gateway
    "[default]\nsampling = 'prefer'": (
        'line 2: default.sampling takes "client", "gateway" or "prefer-client"; it is "prefer". '
        'Did you mean "prefer-client"?'
    ),
    "[gateway]\nlisten = 'localhost'": (
        'line 2: gateway.listen takes HOST:PORT; it is "localhost". Such as "127.0.0.1:8900".'
    ),
    "[gateway]\nlisten = '127.0.0.1:99999'": (
        'line 2: gateway.listen takes HOST:PORT; it is "127.0.0.1:99999". Such as "127.0.0.1:8900".'
    ),
    "[gateway]\nallow_host = ['a']": ("line 2: There is no key gateway.allow_host. Did you mean gateway.allow_hosts?"),
    "[gateway]\ntoken_env = 'sk-0123'": (
        "line 2: gateway.token_env takes the name of an environment variable. The value stays in the environment."
    ),
    "[gateway.principals]\nalice = 'hunter 2'": (
        "line 2: gateway.principals.alice takes the name of an environment variable. "
        "The value stays in the environment."
    ),
    "[gateway.principals]\n'a b' = 'TOKEN'": (
        "line 2: gateway.principals.\"a b\" is named with other than letters, digits, '.', '_' and '-'."
    ),
    "[gateway]\nallow_hosts = ['a.b', 'http://a.b']": (
        'line 2: gateway.allow_hosts takes names of hosts, with a port or without; "http://a.b" is none. '
        'Such as "mcp.example.com" or "mcp.example.com:8443".'
    ),
    "[gateway]\nallow_origins = [\n'https://a.b/']": (
        'line 3: gateway.allow_origins takes origins; "https://a.b/" is none. '
        'Such as "https://app.example.com", without a path.'
    ),
    "[gateway]\nbody_bytes = 0": ("line 2: gateway.body_bytes takes a whole number from 1 to 1e15; it is 0."),
    "[gateway.upstream.a]": (
        "line 1: gateway.upstream.a has neither url nor argv. Set url for a server on HTTP, or argv for a program."
    ),
    "[gateway.upstream.a]\nurl = 'http://h/mcp'\nargv = ['x']": (
        "line 1: gateway.upstream.a has both url and argv. Set url for a server on HTTP, or argv for a program."
    ),
    "[gateway.upstream.a]\nuri = 'http://h/mcp'\nargv = ['x']": (
        "line 2: There is no key gateway.upstream.a.uri. Did you mean gateway.upstream.a.url?"
    ),
    "[gateway.upstream.'a/b']\nargv = ['x']": (
        "line 1: gateway.upstream.\"a/b\" is named with other than letters, digits, '.', '_' and '-'. "
        "It is in its path."
    ),
    "[gateway.upstream.a]\nurl = 'ftp://h/mcp'": (
        "line 2: gateway.upstream.a.url takes http://HOST/PATH or https://HOST/PATH."
    ),
    "[gateway.upstream.a]\nurl = 'https://u:hunter2@h/mcp'": (
        "line 2: gateway.upstream.a.url holds a user or password. Send it as a header, with headers_env."
    ),
    "[gateway.upstream.a]\nargv = ['x']\nheaders_env = { X-Key = 'KEY' }": (
        "line 3: gateway.upstream.a.headers_env is for url: a program gets no headers."
    ),
    "[gateway.upstream.a]\nurl = 'https://h/mcp'\nheaders_env = { Host = 'KEY' }": (
        "line 3: gateway.upstream.a.headers_env.Host is a header that the gateway sets itself."
    ),
    "[gateway.upstream.a]\nurl = 'https://h/mcp'\nenv = ['KEY']": (
        "line 3: gateway.upstream.a.env is for argv: there is no program."
    ),
    "[gateway.upstream.a]\nargv = ['x']\nenv = ['KEY=1']": (
        "line 3: gateway.upstream.a.env #1 takes the name of an environment variable. "
        "The value stays in the environment."
    ),
    # models
    "[default]\nmodel = 'gpt'": (
        'line 2: default.model: "gpt" is no model string. '
        "Write PROVIDER/MODEL, such as openai/gpt-5.4-mini; `upcall model list` shows the forms."
    ),
    "[default]\nmodel = 'openai/*'": 'line 2: default.model takes one model, not a pattern ("openai/*").',
    "[default]\nmodels = ['openai/*']": (
        "line 2: default.models holds only patterns, so it does not say which model answers by default. "
        "Set default.model, or put a full model string first."
    ),
    "[default]\nmodels = ['a/b']\n[server.x]\nmodel = 'c/d'": (
        'line 4: server.x has "c/d" as its model, which default.models does not allow. '
        "Add it to default.models, or set server.x.models."
    ),
    "[default]\nmodel = 'command/helper'\n[command.help]\nargv = ['help']": (
        "line 2: default.model: there is no command helper. Did you mean command/help?"
    ),
    "[default]\nmodel = 'command/x'": ("line 2: default.model: there is no command x. Describe it under [command.x]."),
    "[server.'*']\ntools = true": "line 1: A server is named exactly. What holds for all stands in [default].",
    # budgets and the rest
    "[[budget]]\nfor = 'overall'\nusd = 1": 'line 1: budget #1 needs per: "day", "ever", "hour" or "month".',
    "[[budget]]\nfor = 'all'\nper = 'day'\nusd = 1": (
        'line 2: budget #1.for takes overall, server:NAME, server:* or model:PATTERN; it is "all".'
    ),
    "[[budget]]\nfor = 'server:lo*'\nper = 'day'\nusd = 1": (
        'line 2: budget #1.for names a server exactly, or * for each; it is "server:lo*".'
    ),
    "[[budget]]\nfor = 'overall'\nper = 'day'": "line 1: budget #1 bounds nothing. Set calls, tokens or usd.",
    "[[budget]]\nfor = 'overall'\nper = 'day'\nusd = '1'": (
        'line 4: budget #1.usd takes a number of US dollars from 0 to 1e9; it is "1".'
    ),
    "[[budget]]\nfor = 'overall'\nper = 'day'\nusd = -0.5": (
        "line 4: budget #1.usd takes a number of US dollars from 0 to 1e9; it is -0.5."
    ),
    "[[budget]]\nfor = 'overall'\nper = 'day'\nusd = 1\n[[budget]]\nfor = 'overall'\nper = 'day'\ncalls = 1": (
        'line 5: budget #2 is for "overall" per day, as budget #1 is. Put both into one.'
    ),
    "[families]\nsmall = []": (
        "line 2: families.small takes a list, not empty, of texts in quotes; it is an empty list."
    ),
    "[families]\n'' = ['a/b']": "line 2: A family needs a name: a word that hints contain.",
    "[prices.'a/b']\ninput = 1": 'line 1: prices."a/b" needs output: a number of US dollars from 0 to 1e9.',
    "[prices.gpt]\ninput = 1\noutput = 1": (
        'line 1: prices.gpt: "gpt" is no model string. '
        "Write PROVIDER/MODEL, such as openai/gpt-5.4-mini; `upcall model list` shows the forms."
    ),
    "[alternates]\n'a/b' = ['c/d', 'a/b']": 'line 2: alternates."a/b" names a model twice.',
    "[default]\nmodel = 'command/x'\n[command.x]\nargv = []": (
        "line 4: command.x.argv takes a list, not empty, of texts in quotes; it is an empty list."
    ),
    "[command.x]\nargv = ['x']\nenv = ['A=secret']": (
        "line 3: command.x.env takes names of environment variables, which command.x gets from here. "
        "Values stay in the environment; write the name alone."
    ),
    "[command.'a b']\nargv = ['x']": (
        "line 1: command.\"a b\" is named with other than letters, digits, '.', '_' and '-'."
    ),
    "[store]\nurl = 'mysql://db'": ("line 2: store.url takes sqlite:///PATH or postgresql://USER@HOST/DATABASE."),
    "[default]\n'a' = 1\nlimits = 1": (
        "line 2: There is no key default.a. Known here: decision, models, model, sampling, protocol, tools, media, "
        "review_reply, record, redact, scan, deadline, limits.\nline 3: default.limits takes a table; it is 1."
    ),
    # TOML itself
    "[default]\ntools = ": "line 2: This is no TOML: invalid value.",
    "[default\ntools = 1": "line 1: This is no TOML: expected ']' at the end of a table declaration.",
    "a = 1\na = 2\n\nb = 1": "line 2: This is no TOML: cannot overwrite a value.",
}


@pytest.mark.parametrize(("text", "said"), list(CASES.items()), ids=[text.replace("\n", " ⏎ ") for text in CASES])
def test_a_problem_says_where_it_is_and_what_is_right(text: str, said: str) -> None:
    policy, problems = check_policy(text)
    assert policy is None
    assert "\n".join(map(str, problems)) == said


def test_every_problem_is_told_in_the_order_of_the_lines() -> None:
    text = "[server.a]\ntool = true\n[default]\ndecision = 'no'\nlimits.rate = 5\n[budget]\nusd = 1\n"
    _, problems = check_policy(text)
    assert [problem.line for problem in problems] == [2, 4, 5, 6]


def test_an_error_names_a_few_problems_and_keeps_the_path_to_itself() -> None:
    text = "[default]\n" + "".join(f"x{number} = 1\n" for number in range(7))
    with pytest.raises(ConfigurationError) as caught:
        parse_policy(text, "/home/me/upcall.toml")
    error = caught.value
    assert error.message == "The policy file has 7 problems."
    assert error.hint.splitlines()[0].startswith("line 2: There is no key default.x0.")
    assert error.hint.splitlines()[5:] == ["… and 2 more; `upcall policy check` lists them."]
    assert "/home/me" not in str(error)
    assert error.detail.splitlines()[0] == "/home/me/upcall.toml"
    assert len(error.detail.splitlines()) == 8


@pytest.mark.parametrize(
    "text",
    [
        "[store]\nurl = 'mysql://me:hunter2@db/x'",
        "[store]\nurl = ['postgresql://me:hunter2@db/x']",
        "[default]\nmodels = 'openai/x@https://me:hunter2@models.example/v1'",
        "[default]\nmodel = 'x@https://me:hunter2@models.example/v1/*'",
    ],
)
def test_no_problem_repeats_a_password(text: str) -> None:
    _, problems = check_policy(text)
    assert problems
    assert not any("hunter2" in str(problem) for problem in problems)


@pytest.mark.parametrize(
    "text",
    [
        '["\\u001b[2J"]\nx = 1',
        '[default]\n"\\u202e" = 1',
        '[default]\ndecision = "\\u001b[31m"',
        '[default]\nscan."\\u001b" = "ask"',
        '[default]\nmodel = "\\u009b"',
        '[[budget]]\nfor = "\\u200b"\nper = "day"\nusd = 1',
    ],
)
def test_what_would_act_on_a_terminal_is_written_by_number(text: str) -> None:
    _, problems = check_policy(text)
    assert problems
    assert all(str(problem).isprintable() for problem in problems)
