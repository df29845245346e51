"""`Office`: what a host's settings come to: models, lines, the record, and whoever is asked."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from msgspec import UNSET

from upcall.errors import ConfigurationError
from upcall.host.lines import Line, broken, plain, recorded
from upcall.host.performers import Decider, Ledger
from upcall.host.shelf import Shelf
from upcall.models import Model

if TYPE_CHECKING:
    from upcall.host.approval import ApprovalFunction, Approver
    from upcall.host.governance import Governance
    from upcall.host.policy import Policy, PolicyFile, Rules
    from upcall.store import Store

__all__ = ["Office"]

_log = logging.getLogger("upcall.host")


class Office:
    """Made once for each host. Loads what it needs and nothing else: a host without a policy knows of none.

    Args:
        own: The host's model.
        policy: As `Host` takes it, and so are the rest.
        store: The record.
        approve: Who is asked.
        timeout: Seconds for a request.

    Raises:
        ConfigurationError: Something is wrong with one of them.
    """

    def __init__(
        self,
        own: Model | None,
        policy: Policy | PolicyFile | Path | str | None,
        store: Store | Path | str | None,
        approve: Approver | ApprovalFunction | None,
        timeout: float | None,
    ) -> None:
        self._governance: Governance | None = None
        self._opened: Store | None = None
        self.decider: Decider | None = None
        governing = _policy(policy) if policy is not None or approve is not None else None
        kept = self._store(store, governing if policy is not None else None)
        self.ledger = None if kept is None else Ledger(kept)
        self._uses_prices = governing is not None or kept is not None
        if governing is not None:
            self._govern(governing, own, kept, approve, timeout)
        elif own is not None:
            self.shelf = Shelf(own, _no_other)
            line = plain(own.name) if kept is None else recorded(own.name)
            self._line_for: Callable[[str], Line] = lambda server: line
        else:
            raise ConfigurationError("A host needs a model or a policy.", hint="Give it one of the two.")

    def _govern(
        self,
        policy: Policy | PolicyFile,
        own: Model | None,
        store: Store | None,
        approve: Approver | ApprovalFunction | None,
        timeout: float | None,
    ) -> None:
        from upcall.host.approval import Remembering
        from upcall.host.governance import Governance

        has_store = store is not None
        shared = store is not None and store.shared
        self._governance = Governance(policy, own, timeout=timeout, has_store=has_store, shared=shared)
        self._line_for = self._governance.line
        self.shelf = self._governance.shelf
        approver = _approver(approve) if approve is not None else _named(self._governance.policy, store)
        self.decider = Remembering(approver, store=store)

    def _store(self, store: Store | Path | str | None, policy: Policy | PolicyFile | None) -> Store | None:
        if store is None and policy is None:
            return None
        if store is not None and not isinstance(store, Path | str):
            return store
        from upcall.store import open_store

        self._opened = open_store(store if policy is None or store is not None else _address(policy))
        return self._opened

    def line(self, server: str) -> Line:
        """What a request of ``server`` goes through now."""
        try:
            return self._line_for(server)
        except Exception as bug:
            _log.exception("There is no way for requests of %s", server)
            return broken(bug)

    async def prepare(self) -> None:
        """Load in a thread what the first request would otherwise hold the event loop up with."""
        if self._uses_prices:
            await anyio.to_thread.run_sync(_load_prices)

    def rules_for(self, server: str) -> Rules | None:
        """What holds for ``server``; ``None`` without a policy."""
        return None if self._governance is None else self._governance.rules_for(server)

    async def aclose(self) -> None:
        """Close the models, and the store that was opened here."""
        await self.shelf.aclose()
        if self._opened is not None:
            await self._opened.aclose()


def _policy(policy: Policy | PolicyFile | Path | str | None) -> Policy | PolicyFile:
    from upcall.host.policy import PolicyFile, load_policy

    if policy is None:
        return load_policy(None)
    return PolicyFile(Path(policy).expanduser()) if isinstance(policy, Path | str) else policy


def _address(policy: Policy | PolicyFile) -> str | None:
    from upcall.host.policy import PolicyFile

    url = (policy.current() if isinstance(policy, PolicyFile) else policy).store.url
    return None if url is UNSET else url


def _approver(approve: Approver | ApprovalFunction) -> Approver:
    from upcall.host.approval import Approver, CallableApprover

    if isinstance(approve, Approver):
        return approve
    if callable(approve):
        return CallableApprover(approve)
    raise ConfigurationError(
        f"approve is a function or an Approver, not {type(approve).__name__}.",
        hint="Give it a function that takes a Question and returns True or False.",
    )


def _named(policy: Policy, store: Store | None) -> Approver:
    """The way that the policy names. Where no client is connected that takes elicitation, the store is next."""
    from upcall.host.approval import Chain, ConnectedApprover, Nobody, StoreApprover, TerminalApprover

    match policy.approval.by:
        case "terminal":
            return TerminalApprover()
        case "elicitation":
            return Chain(ConnectedApprover(), *([] if store is None else [StoreApprover(store)]))
        case "store" if store is not None:
            return StoreApprover(store)
        case _:
            return Nobody()


def _load_prices() -> None:
    """The list of prices takes a tenth of a second to load."""
    from upcall.models import Usage
    from upcall.models.prices import price_of

    price_of("openai/gpt-4o", Usage(input_tokens=1, output_tokens=1))


def _no_other(name: str) -> Model:
    raise ConfigurationError(f"There is no model {name}.")
