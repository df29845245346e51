"""`examine`: one server from its entry to its report."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec.structs import replace

from upcall.gateway.clients import masked_command
from upcall.gateway.examining._findings import Finding, Options, Report
from upcall.gateway.examining._hiding import Hiding, secrets_in
from upcall.gateway.examining._probing import Probed, probe
from upcall.gateway.examining._signs import Sign, signs_of
from upcall.gateway.examining._standing import Standing, on_store, standing_of
from upcall.gateway.examining._store import Recorded, look_into
from upcall.gateway.examining._targets import Target
from upcall.gateway.examining._withheld import withheld
from upcall.wire import Era

__all__ = ["Examined", "examine", "shown_of"]

_CAN_SAMPLE = ("VS Code",)
"""Clients that answer sampling by themselves."""


class Examined(msgspec.Struct, frozen=True, kw_only=True):
    """A report, and what it takes to call a tool of that server."""

    report: Report
    target: Target
    era: Era | None
    tools: Sequence[Mapping[str, Any]]
    standing: Standing
    hide: Hiding


async def examine(target: Target, options: Options, env: Mapping[str, str]) -> Examined:
    """Start or reach ``target``, look at it, and end it. Nothing is raised but cancellation.

    Args:
        target: The server.
        options: What the command line says.
        env: The environment of its client.
    """
    hide = Hiding(secrets_in(target, env))
    probed = Probed() if target.skipped else await probe(target, env, options.seconds)
    around = {**env, **target.env} if target.behind is not None else env
    standing = standing_of(target, options, around)
    recorded = Recorded(place="")
    if standing.settings is not None:
        recorded = await look_into(standing.store, target.name, standing.limits)
    tools = list({one["name"]: one for one in (*probed.tools, *probed.tools_sampling)}.values())
    samples = signs_of(probed.tools, probed.tools_sampling or probed.tools, recorded.tools)
    if probed.demands:
        samples = [
            Sign(tool=one["name"], sure="hidden", how=("the server serves only clients that can sample",))
            for one in tools
        ]
    about_policy = (
        []
        if target.skipped
        else [*standing.findings, *(on_store(standing, recorded) if standing.settings is not None else ())]
    )
    concerned = target.file is None or target.behind is not None or bool(samples)
    findings = [
        *_on_start(target, probed, hide),
        *_on_wrapping(target, samples, around),
        *withheld(target, standing.model, env),
        *_on_samples(tools, samples, recorded, probed),
        *(about_policy if concerned else _in_short(about_policy)),
    ]
    report = Report(
        name=hide.line(target.name),
        entry=hide.line(target.entry),
        file=None if target.file is None else str(target.file),
        shown=hide(shown_of(target)),
        server=hide.line(probed.server),
        era=None if probed.era is None else str(probed.era),
        version=hide.line(probed.version),
        tools=len(tools),
        samples=tuple(replace(one, tool=hide.line(one.tool)) for one in samples),
        findings=tuple(replace(one, text=hide.line(one.text), remedy=hide.line(one.remedy)) for one in findings),
    )
    return Examined(report=report, target=target, era=probed.era, tools=tools, standing=standing, hide=hide)


def shown_of(target: Target) -> str:
    """Its command or address, without what looks like a secret."""
    if target.url:
        parts = urlsplit(target.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    return shlex.join(masked_command(target.argv))


def _on_start(target: Target, probed: Probed, hide: Hiding) -> Iterator[Finding]:
    if target.skipped:
        yield Finding("info", "start", f"Not examined: {target.skipped}")
        return
    for remark in target.remarks:
        yield Finding("note", "config", remark)
    if probed.login:
        remedy = "Give the credentials in a header: `headers` of the entry, or --header-env VAR."
        yield Finding("missing", "start", "It needs a login (HTTP 401 or 403).", remedy)
    elif probed.trouble:
        yield Finding("missing", "start", probed.trouble, probed.remedy, tuple(map(hide.line, probed.last_words)))
    else:
        number = len({one["name"] for one in (*probed.tools, *probed.tools_sampling)})
        has = "1 tool" if number == 1 else f"{number} tools"
        yield Finding("ok", "start", f"{'answers' if target.url else 'starts'}, and has {has}")
    if probed.garbage:
        text = f"It writes lines to standard output that are no messages, such as: {hide.line(probed.garbage[0])}."
        yield Finding("note", "start", text, "Clients may break over it; standard error is the place for logs.")


def _on_wrapping(target: Target, samples: Sequence[Sign], env: Mapping[str, str]) -> Iterator[Finding]:
    if target.file is None or target.skipped:
        return
    if target.behind is not None:
        command = target.behind.command
        if shutil.which(command, path=env.get("PATH", os.defpath)) is None:
            text = f"It is behind the gateway, and there is no program {command!r}."
            yield Finding("missing", "wrap", text, f"`upcall unwrap {target.file}`, then `upcall wrap` it again.")
        else:
            yield Finding("ok", "wrap", f"behind the gateway, as {target.name}")
        return
    remedy = f"`upcall wrap {shlex.quote(str(target.file))}`"
    if target.cannot_wrap:
        yield Finding("note", "wrap", f"`upcall wrap` leaves it as it is: {target.cannot_wrap}.")
    elif not samples:
        yield Finding("info", "wrap", "not behind the gateway")
    elif target.client in _CAN_SAMPLE:
        yield Finding("info", "wrap", f"not behind the gateway; {target.client} samples by itself")
    elif all(one.sure == "description" for one in samples):
        text = "Not behind the gateway: where the client cannot sample, these tools may fail."
        yield Finding("note", "wrap", text, remedy)
    else:
        text = "Not behind the gateway: where the client cannot sample, these tools fail or are not there."
        yield Finding("missing", "wrap", text, remedy)


def _on_samples(
    tools: Sequence[Mapping[str, Any]], samples: Sequence[Sign], recorded: Recorded, probed: Probed
) -> Iterator[Finding]:
    for what, seen in recorded.others.items():
        yield Finding("info", "samples", f"{what} sampled {seen.count:,} times, last on {seen.last:%Y-%m-%d %H:%M} UTC")
    if tools and not samples and not probed.trouble:
        text = "Nothing shows that a tool samples. Some do not let on until they are called."
        yield Finding("info", "samples", text, "`--call TOOL key=value` calls one through a gateway.")


def _in_short(findings: Sequence[Finding]) -> list[Finding]:
    """The same for a server that has nothing to do with sampling, as far as is known."""
    return [
        Finding("info", one.topic, f"if it samples: {one.text}")
        for one in findings
        if one.topic in ("policy", "model") and not one.text.endswith("may answer, too")
    ]
