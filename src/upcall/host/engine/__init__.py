"""Answering one sampling request, without I/O: a generator that yields commands and receives events.

::

    arrived ──valid?──▶ calling ──check the reply──▶ recording ──▶ answered
                │          │            │                ▲    └──▶ failed   (raises the SamplingError)
                └──────────┴────────────┴── any error, ──┘    └──▶ withdrawn (raises Withdrawn)
                                            any cancellation

A request is an `Exchange` that runs through *stages*. A stage wraps the stages after it, as middleware does: what it
does before ``yield from rest()`` happens on the way to the model, what it does afterwards on the way back, and an
error or a cancellation from further in runs outwards through all of them. A new concern is a new file with one stage,
the commands it yields, the events they bring, and a place in the line.

Rules:

1. Every exit yields exactly one `Record`, and it is the last command: after an answer, after an error of any stage,
   after a cancellation, and after a fault in a stage's own code, which fails closed.
2. A model sees a request only after every stage before `calling` has let it pass.
3. The engine reads no clock and holds no model: times come with the arrival and the events, models are names.
4. Each command is answered by one event. `Cancelled` may answer any command; the stages then put things in order, for
   which they may yield more commands, and nothing is answered.
5. A driver that drops the generator (``close()``) drops the request without a record: it finishes what it started.
6. Nothing changes in silence: a stage that alters request or answer appends an `Adjustment`.
"""

from upcall.host.engine.answering import answering
from upcall.host.engine.calling import calling
from upcall.host.engine.commands import Call, Command, Record
from upcall.host.engine.events import Cancelled, Completed, Done, Event, Failed
from upcall.host.engine.exchange import Arrival, Exchange
from upcall.host.engine.reply import reply
from upcall.host.engine.stage import Rest, Stage, Steps, Withdrawn, perform
from upcall.host.engine.validity import validity

__all__ = [
    "Arrival",
    "Call",
    "Cancelled",
    "Command",
    "Completed",
    "Done",
    "Event",
    "Exchange",
    "Failed",
    "Record",
    "Rest",
    "Stage",
    "Steps",
    "Withdrawn",
    "answering",
    "calling",
    "perform",
    "reply",
    "validity",
]
