"""What a process takes: time on a processor, and memory."""

from __future__ import annotations

from pathlib import Path

__all__ = ["megabytes", "processor_ms"]


def processor_ms(pid: int) -> float:
    """Milliseconds that all its threads have had a processor, as far as the kernel counts them; 0 elsewhere."""
    try:
        found = [(task / "schedstat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return 0.0
    return sum(int(text.split()[0]) for text in found) / 1e6


def megabytes(pid: int) -> tuple[float, float]:
    """Its memory, resident and proportional (shared pages divided among those who share them)."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    found = {line.split(":")[0]: int(line.split()[1]) / 1e3 for line in lines if line.startswith(("Rss:", "Pss:"))}
    return found["Rss"], found["Pss"]
