"""Answering one sampling request, without I/O: a generator that yields commands and receives events.

::

    arrived ──stages──▶ calling ──stages──▶ the record ──▶ answered
                │          │          │         ▲    └──▶ failed    (raises the SamplingError)
                └──────────┴──────────┴─────────┘    └──▶ withdrawn (raises Withdrawn)
                      any error, any cancellation

The stages, from the door to the model; a host leaves out what it has no use for (`upcall.host.lines`)::

    validity ▶ limits ▶ policy ▶ scanning ▶ choosing ▶ recalling ▶ reserving ▶ asking ▶ recording ▶ ┐
                                            reviewing ◀ scanning_reply ◀ reply ◀ paying ◀ calling ◀ ┘

A request is an `Exchange` that runs through *stages*. A stage wraps the stages after it, as middleware does: what it
does before ``yield from rest()`` happens on the way to the model, what it does afterwards on the way back, and an
error or a cancellation from further in runs outwards through all of them. A new concern is a new file with one stage,
the commands it yields, the events they bring, and a place in the line.

Rules:

1. Every exit yields exactly one `Record`, and it is the last command: after an answer, after an error of any stage,
   after a cancellation, and after a fault in a stage's own code, which fails closed.
2. A model sees a request only after every stage before `calling` has let it pass. With `recording` among them, it has
   been written down by then.
3. The engine reads no clock and holds no model: times come with the arrival and the events, models are names.
4. Each command is answered by one event. `Cancelled` may answer any command; the stages then put things in order, for
   which they may yield more commands, and nothing is answered.
5. A driver that drops the generator (``close()``) drops the request without a record: it finishes what it started.
6. Nothing changes in silence: a stage that alters request or answer appends an `Adjustment`.
7. What is reserved is settled or released exactly once, at every exit.
8. A request that a person has edited (`Edited`) starts again at the first stage, once.
9. No is stronger than yes: no stage allows what an earlier one, or somebody before, has denied.

Only what every line needs is offered here; the other stages are loaded by who uses them.
"""

from upcall.host.engine.answering import answering
from upcall.host.engine.calling import calling
from upcall.host.engine.commands import Admit, Ask, Begin, Call, Command, Recall, Record, Release, Reserve, Settle
from upcall.host.engine.events import (
    Answered,
    Begun,
    Cancelled,
    Completed,
    Done,
    Event,
    Failed,
    Limited,
    Recalled,
    Reserved,
)
from upcall.host.engine.exchange import Arrival, Exchange, Keep
from upcall.host.engine.reply import reply
from upcall.host.engine.stage import Edited, Rest, Stage, Steps, Withdrawn, perform
from upcall.host.engine.validity import validity

__all__ = [
    "Admit",
    "Answered",
    "Arrival",
    "Ask",
    "Begin",
    "Begun",
    "Call",
    "Cancelled",
    "Command",
    "Completed",
    "Done",
    "Edited",
    "Event",
    "Exchange",
    "Failed",
    "Keep",
    "Limited",
    "Recall",
    "Recalled",
    "Record",
    "Release",
    "Reserve",
    "Reserved",
    "Rest",
    "Settle",
    "Stage",
    "Steps",
    "Withdrawn",
    "answering",
    "calling",
    "perform",
    "reply",
    "validity",
]
