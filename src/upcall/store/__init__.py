"""The record: audit, budgets, decisions. It knows no policy: who may do what is decided above.

::

    open_store(url) ─▶ Store ─▶ queries ─▶ lanes (threads, a connection each) ─▶ SQLite │ PostgreSQL
"""

from upcall.store.base import EVERYTHING, Store
from upcall.store.budgets import (
    WINDOWS,
    Amount,
    Exceeded,
    Limit,
    Measure,
    Reservation,
    Spent,
    Window,
    window_of,
)
from upcall.store.claims import Claim
from upcall.store.decisions import (
    Attempt,
    Consent,
    Decision,
    Question,
    QuestionId,
    QuestionState,
    Standing,
    Verdict,
)
from upcall.store.opening import default_location, file_of, open_store, state_folder
from upcall.store.rates import Rate, RateExceeded
from upcall.store.records import (
    Cursor,
    Failure,
    Filter,
    Intent,
    Keeping,
    Outcome,
    Page,
    Record,
    RecordId,
    State,
)
from upcall.store.usage import By, UsageRow

__all__ = [
    "EVERYTHING",
    "WINDOWS",
    "Amount",
    "Attempt",
    "By",
    "Claim",
    "Consent",
    "Cursor",
    "Decision",
    "Exceeded",
    "Failure",
    "Filter",
    "Intent",
    "Keeping",
    "Limit",
    "Measure",
    "Outcome",
    "Page",
    "Question",
    "QuestionId",
    "QuestionState",
    "Rate",
    "RateExceeded",
    "Record",
    "RecordId",
    "Reservation",
    "Spent",
    "Standing",
    "State",
    "Store",
    "UsageRow",
    "Verdict",
    "Window",
    "default_location",
    "file_of",
    "open_store",
    "state_folder",
    "window_of",
]
