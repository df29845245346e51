"""What happens to each frame between a client and a server, without I/O: frames in, actions out.

::

    client ──from_client──▶ Session ──ToServer──▶ server          Calls   the client's open requests
    client ◀──ToClient──── Session ◀──from_server── server        Taken   a legacy server's sampling requests
                           │     ▲                                Rounds  a modern server's input_required results
                    Sample ▼     │ answered
                          answering
"""

from upcall.gateway.session.actions import (
    Action,
    Answered,
    Deferred,
    Elicited,
    Lane,
    Outcome,
    Refused,
    Sample,
    StopSample,
    ToClient,
    ToServer,
)
from upcall.gateway.session.session import Session
from upcall.gateway.session.terms import Answers, Terms

__all__ = [
    "Action",
    "Answered",
    "Answers",
    "Deferred",
    "Elicited",
    "Lane",
    "Outcome",
    "Refused",
    "Sample",
    "Session",
    "StopSample",
    "Terms",
    "ToClient",
    "ToServer",
]
