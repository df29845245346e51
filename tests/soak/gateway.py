"""``upcall`` as always, which on SIGUSR1 also says how many tasks and objects it has, in the file ``SOAK_REPORT``."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
from pathlib import Path

from upcall.cli import main


def report(*_: object) -> None:
    """Write to the file, whole."""
    gc.collect()
    file = Path(os.environ["SOAK_REPORT"])
    part = file.with_suffix(".part")
    part.write_text(json.dumps({"tasks": len(asyncio.all_tasks()), "objects": len(gc.get_objects())}))
    part.replace(file)


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, report)
    main(prog_name="upcall")
