"""What the driver's hands do: each performs one kind of command, in terms that the engine knows."""

from upcall.host.performers.calls import Calls
from upcall.host.performers.ledger import Ledger
from upcall.host.performers.observers import Observer, Observers
from upcall.host.performers.people import Decider, People
from upcall.host.performers.run import Run

__all__ = ["Calls", "Decider", "Ledger", "Observer", "Observers", "People", "Run"]
