"""``upcall`` as always, which on SIGUSR1 also says how many tasks and objects it has, in the file ``SOAK_REPORT``."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
from collections import Counter
from pathlib import Path

from upcall.cli import main
from upcall.gateway.performing import Performer
from upcall.gateway.session import Session
from upcall.gateway.session._calls import Call

OURS = (Session, Performer, Call)
"""What lives as long as a request, or a connection."""


def report(*_: object) -> None:
    """Write to the file, whole."""
    gc.collect()
    file = Path(os.environ["SOAK_REPORT"])
    part = file.with_suffix(".part")
    found = gc.get_objects()
    kinds = Counter(type(one) for one in found)
    ours = {kind.__name__: kinds[kind] for kind in OURS}
    part.write_text(json.dumps({"tasks": len(asyncio.all_tasks()), "objects": len(found), "ours": ours}))
    part.replace(file)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, report)
    main(prog_name="upcall")
