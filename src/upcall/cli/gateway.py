"""`upcall gateway`: stands between one client and one server, or many, and answers sampling.

On stdio the server's process is the first thing that is started; what else it takes is imported in the meantime.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

import click

from upcall.errors import ConfigurationError

if TYPE_CHECKING:
    from upcall.gateway.settings import Settings
    from upcall.gateway.stdio.child import Child

__all__ = ["gateway"]

CANNOT_EXECUTE, NOT_FOUND = 126, 127
"""What a shell says of a command that it cannot start."""

_GROUPS = {
    "Which server": ("name", "upstream", "header_env", "private_env", "protocol"),
    "Who answers": ("policy", "model", "store", "answers"),
    "Serving HTTP": (
        "listen",
        "token_env",
        "allow_anonymous",
        "allow_host",
        "allow_origin",
        "ssl_certfile",
        "ssl_keyfile",
        "ssl_keyfile_password_env",
        "ssl_ca_certs",
    ),
}


class _Grouped(click.Command):
    """Shows its options in groups, and its examples after them."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        options = [p for p in self.get_params(ctx) if isinstance(p, click.Option)]
        rows = {option.name: row for option in options if (row := option.get_help_record(ctx)) is not None}
        for title, names in _GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([rows.pop(name) for name in names])
        with formatter.section("Other options"):
            formatter.write_dl(list(rows.values()))


@click.command(
    cls=_Grouped,
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND [ARGS]...]")
@click.option("--name", metavar="NAME", help="What the policy calls the server; else taken from the command or URL.")
@click.option("--upstream", metavar="URL", help="A server that speaks streamable HTTP, instead of COMMAND.")
@click.option(
    "--header-env",
    multiple=True,
    metavar="VAR",
    help="A variable that holds 'Name: value', sent to URL; repeat for more.",
)
@click.option(
    "--private-env",
    multiple=True,
    metavar="VAR",
    help="A variable that COMMAND shall not get, such as the key of your model; repeat for more.",
)
@click.option(
    "--protocol",
    type=click.Choice(["auto", "legacy"]),
    help="What is spoken: the revision that both sides agree on; or none after 2025-11-25.",
)
@click.option("--policy", type=click.Path(path_type=Path), metavar="FILE", help="Instead of the one that holds here.")
@click.option("--model", metavar="MODEL", help="Answer with this model, when no policy names one.")
@click.option("--store", metavar="URL", help="Where to keep the record: a file, or postgresql://….")
@click.option(
    "--answers",
    type=click.Choice(["prefer-client", "gateway", "client"]),
    help="Who answers sampling: the client where it can and else the gateway; the gateway; the client alone.",
)
@click.option("--listen", metavar="HOST:PORT", help="Serve clients over HTTP, instead of this standard input.")
@click.option("--token-env", metavar="VAR", help="A variable that holds the token clients have to bring.")
@click.option("--allow-anonymous", is_flag=True, help="Let others than this machine come without a token.")
@click.option("--allow-host", multiple=True, metavar="HOST", help="A name under which clients may address us.")
@click.option("--allow-origin", multiple=True, metavar="ORIGIN", help="A web page's origin that may call us.")
@click.option("--ssl-certfile", metavar="FILE", help="TLS: the certificate and its chain.")
@click.option("--ssl-keyfile", metavar="FILE", help="TLS: its key.")
@click.option("--ssl-keyfile-password-env", metavar="VAR", help="TLS: a variable that holds the key's password.")
@click.option("--ssl-ca-certs", metavar="FILE", help="TLS: ask clients for a certificate of these authorities.")
def gateway(command: tuple[str, ...], upstream: str | None, listen: str | None, **options: Any) -> None:
    """Stand between a client and a server; answer sampling for it.

    Clients that cannot sample get it: the server's sampling requests are answered here, under your policy and into your
    record. All else passes untouched. In the client's configuration, put `upcall gateway --` before the server's
    command; `upcall wrap FILE` does that for you.

    \b
    Examples:
      upcall gateway -- npx -y @modelcontextprotocol/server-everything
                               client and server on standard input and output
      upcall gateway --name notes --model local/smollm2 -- python server.py
                               the embedded model answers; without a policy, once you say so
      upcall gateway --protocol legacy -- python server.py
                               the server asks in the way of 2025-11-25 alone ("no back-channel")
      upcall gateway --upstream https://mcp.example.com/mcp --header-env TOKEN_HEADER
                               the server speaks HTTP, the client does not
      upcall gateway --upstream http://127.0.0.1:8000/mcp --listen 127.0.0.1:9000
                               HTTP on both sides
      upcall gateway --listen 127.0.0.1:9000 -- python server.py
                               the server speaks standard input and output, clients speak HTTP
      upcall gateway --listen 127.0.0.1:9000
                               all servers of the policy file, each at /NAME/mcp
      upcall gateway
                               the same, where the policy file says on what to listen

    Everything it has to say goes to standard error. When the policy cannot be used, it says so and lets everything
    but sampling through; with --listen it does not start. The exit code is the server's, 128 + n when signal n ended
    it; 127 when there is no such command, 126 when it cannot be started.
    """
    if command and upstream:
        raise click.UsageError("Give a command or --upstream, not both.")
    if not listen and not command and not upstream:
        listen = _listen_of_policy(options)
    if not listen:
        for name in _GROUPS["Serving HTTP"]:
            if options.get(name):
                raise click.UsageError(f"--{name.replace('_', '-')} goes with --listen.")
    if not options["ssl_certfile"] and any(options[name] for name in _GROUPS["Serving HTTP"] if "ssl_" in name):
        raise click.UsageError("TLS takes --ssl-certfile, too.")
    if options["header_env"] and not upstream:
        raise click.UsageError("--header-env goes with --upstream.")
    if options["private_env"] and not command:
        raise click.UsageError("--private-env goes with a command.")
    if listen:
        _leave(_over_http(listen, command, upstream, options))
    if command:
        child = _started(command, options["private_env"])
        _leave(_between_pipes(child, command, options))
    _leave(_to_http(str(upstream), options))


def _leave(code: int) -> NoReturn:
    click.get_current_context().exit(code)


def _started(command: Sequence[str], private: Sequence[str]) -> Child:
    from upcall.gateway.stdio.child import Child

    try:
        return Child(command, _without(private))
    except OSError as error:
        found = not isinstance(error, FileNotFoundError)
        click.echo(f"upcall gateway: {command[0]}: {error.strerror or error}", err=True)
        click.get_current_context().exit(CANNOT_EXECUTE if found else NOT_FOUND)


def _without(private: Sequence[str]) -> dict[str, str] | None:
    if not private:
        return None
    return {name: value for name, value in os.environ.items() if name not in private}


def _own(options: dict[str, Any], settings: Settings) -> Sequence[str]:
    """Variables with secrets of the gateway itself, which a server has no use for."""
    return [*filter(None, (options["token_env"], options["ssl_keyfile_password_env"])), *settings.own_variables]


def _between_pipes(child: Child, command: Sequence[str], options: dict[str, Any]) -> int:
    from upcall.gateway.naming import name_of_command
    from upcall.gateway.stdio.serving import serve

    _say_to_stderr()
    name = _named(options["name"], name_of_command(command))
    return serve(child, name, lambda: _settings(options), protocol=options["protocol"])


def _to_http(url: str, options: dict[str, Any]) -> int:
    from upcall.gateway.http.bridge.bridging import serve
    from upcall.gateway.naming import name_of_url

    _say_to_stderr()
    _check_url(url)
    name = _named(options["name"], name_of_url(url))
    return serve(url, _headers(options), name, lambda: _settings(options), protocol=options["protocol"])


def _over_http(listen: str, command: Sequence[str], url: str | None, options: dict[str, Any]) -> int:
    from upcall.gateway.http.serving import Tls, serve
    from upcall.gateway.naming import name_of_command, name_of_url
    from upcall.gateway.settings import Upstream

    _say_to_stderr()
    settings = _settings(options)
    serving = settings.serving(
        listen=listen,
        token_env=options["token_env"],
        allow_hosts=options["allow_host"],
        allow_origins=options["allow_origin"],
    )
    only = None
    if url is not None:
        _check_url(url)
        only = Upstream(name=_named(options["name"], name_of_url(url)), url=url, headers=_headers(options))
    elif command:
        name = _named(options["name"], name_of_command(command))
        only = Upstream(
            name=name, argv=tuple(command), env=_without((*options["private_env"], *_own(options, settings)))
        )
    elif not serving.upstreams:
        raise ConfigurationError(
            "There is no server to serve.",
            hint="Give --upstream URL or a command, or name servers in the policy file: [gateway.upstream.NAME].",
        )
    certfile = options["ssl_certfile"]
    password = options["ssl_keyfile_password_env"]
    tls = certfile and Tls(
        certfile=certfile,
        keyfile=options["ssl_keyfile"],
        password=os.environ.get(password) if password else None,
        ca_certs=options["ssl_ca_certs"],
    )
    return serve(
        settings,
        serving,
        only=only,
        tls=tls,
        allow_anonymous=options["allow_anonymous"],
        on_ready=lambda urls: click.echo("\n".join(f"upcall gateway: serving {url}" for url in urls), err=True),
    )


def _listen_of_policy(options: dict[str, Any]) -> str:
    from msgspec import UNSET

    listen = _settings(options).current.gateway.listen
    if listen is UNSET:
        raise click.UsageError("Which server? Give its command after `--`, or --upstream URL; see --help.")
    return listen


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        fit = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fit = False
    if not fit:
        raise click.UsageError("--upstream takes the URL of a server that speaks HTTP.")


def _headers(options: dict[str, Any]) -> dict[str, str]:
    from upcall.gateway.settings import header_from

    return dict(header_from(variable) for variable in options["header_env"])


def _settings(options: dict[str, Any]) -> Settings:
    from upcall.gateway.settings import read_settings

    return read_settings(
        policy=options["policy"],
        model=options["model"],
        store=options["store"],
        answers=options["answers"],
        protocol=options["protocol"],
    )


def _named(given: str | None, derived: str) -> str:
    if given:
        return given
    click.echo(f"upcall gateway: the policy's name for this server is {derived!r}; --name sets another.", err=True)
    return derived


def _say_to_stderr() -> None:
    import logging

    from upcall.cli._log_lines import LogLines

    verbose = click.get_current_context().find_root().params.get("verbose")
    handler = logging.StreamHandler()
    handler.setFormatter(LogLines("upcall gateway: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO if verbose else logging.WARNING)
