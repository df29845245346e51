"""What happens to each frame between a client and a server, without I/O: frames in, actions out.

::

    client ──from_client──▶ Session ──ToServer──▶ server          Calls   the client's open requests
    client ◀──ToClient──── Session ◀──from_server── server        Taken   a legacy server's sampling requests
                           │     ▲                                Rounds  a modern server's input_required results
                           │     │                                Tasking what a modern server's tasks ask for
                    Sample ▼     │ answered
                          answering
"""

from upcall.gateway.session.actions import (
    APART,
    Action,
    Answered,
    Deferred,
    Elicited,
    Lane,
    Once,
    Outcome,
    Over,
    Refused,
    Sample,
    StopSample,
    ToClient,
    ToServer,
)
from upcall.gateway.session.handshake import Handshake
from upcall.gateway.session.session import Session
from upcall.gateway.session.tasks import Tasks
from upcall.gateway.session.terms import Answers, Protocol, Terms

__all__ = [
    "APART",
    "Action",
    "Answered",
    "Answers",
    "Deferred",
    "Elicited",
    "Handshake",
    "Lane",
    "Once",
    "Outcome",
    "Over",
    "Protocol",
    "Refused",
    "Sample",
    "Session",
    "StopSample",
    "Tasks",
    "Terms",
    "ToClient",
    "ToServer",
]
