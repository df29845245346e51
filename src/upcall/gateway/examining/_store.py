"""What the record says about a server: which of its tools sampled, what is left of its budgets, and whether the record
can be opened at all. It is never made here: where there is none yet, only its place is looked at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec.structs import replace

from upcall.errors import ConfigurationError, StoreError
from upcall.gateway.examining._signs import Seen
from upcall.store import Cursor, Filter, Limit, Record, Spent, file_of, open_store

__all__ = ["Recorded", "look_into"]

_PAGE = 500
_PAGES = 4


class Recorded(msgspec.Struct, kw_only=True):
    """What was found."""

    place: str
    """Without password."""
    exists: bool = True
    trouble: str = ""
    remedy: str = ""
    tools: dict[str, Seen] = {}
    others: dict[str, Seen] = {}
    """Prompts and resources, by ``METHOD NAME``."""
    spent: list[Spent] = []


async def look_into(url: str | Path, server: str, limits: Sequence[Limit]) -> Recorded:
    """Look into the record at ``url`` for ``server``.

    Args:
        url: Its address.
        server: The policy's name for the server.
        limits: Budgets that concern it.
    """
    found = Recorded(place=_place(url))
    file = file_of(url)
    if file is not None and not file.exists():
        found.exists = False
        above = next((folder for folder in file.absolute().parents if folder.exists()), None)
        if above is None or not above.is_dir() or not os.access(above, os.W_OK):
            found.trouble = "It cannot be made there."
            found.remedy = "Name another place: [store] in the policy, or UPCALL_STORE."
        return found
    try:
        async with open_store(url) as store:
            await store.open()
            cursor: Cursor | None = None
            for number in range(_PAGES):
                page = await store.page(Filter(server=server), limit=_PAGE, after=cursor)
                for record in page.records:
                    _count(found, record)
                cursor = page.next
                if cursor is None:
                    break
                if number == _PAGES - 1:
                    _say_more(found)
            found.spent = await store.spent([limit.key for limit in limits]) if limits else []
    except (StoreError, ConfigurationError) as error:
        found.trouble, found.remedy = error.message, error.hint
    return found


def _count(found: Recorded, record: Record) -> None:
    if not record.method or not record.name:
        return
    called = record.method == "tools/call"
    table, key = (found.tools, record.name) if called else (found.others, f"{record.method} {record.name}")
    before = table.get(key)
    if before is None:
        outcome = (record.outcome or "not over").replace("_", " ")
        table[key] = Seen(count=1, more=False, last=record.started_at, outcome=outcome)
    else:
        table[key] = replace(before, count=before.count + 1)


def _say_more(found: Recorded) -> None:
    for table in (found.tools, found.others):
        for key, seen in table.items():
            table[key] = replace(seen, more=True)


def _place(url: str | Path) -> str:
    if (file := file_of(url)) is not None:
        return str(file)
    parts = urlsplit(str(url))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
