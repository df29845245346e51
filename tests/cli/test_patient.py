"""A watcher that keeps silent while a person is being asked."""

from __future__ import annotations

from threading import Thread

from upcall.cli._patient import Patient
from upcall.cli._pen import PlainPen
from upcall.cli._watcher import Peer, Sample, Watcher


class Heard(Watcher):
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __getattribute__(self, name: str) -> object:
        if name in vars(Watcher) and not name.startswith("_"):
            return lambda *words: self.told.append(name)
        return super().__getattribute__(name)


class Still(PlainPen):
    """Writes down when it moves."""

    def __init__(self, heard: Heard) -> None:
        super().__init__()
        self._heard = heard

    def pause(self) -> None:
        self._heard.told.append("pause")

    def resume(self) -> None:
        self._heard.told.append("resume")


def everything(watcher: Watcher) -> list[str]:
    peer = Peer(name="s", version="1", transport="stdio", protocol="2025-11-25", era="legacy")
    watcher.connecting("s")
    watcher.connected(peer)
    watcher.listed([])
    watcher.calling("tool", {})
    watcher.asked(Sample(number=1, params={}))
    watcher.answered(Sample(number=1, params={}))
    watcher.progressed(1, None, None)
    watcher.logged("info", None, "x")
    watcher.overheard("line")
    watcher.returned({})
    watcher.refused(1, "no")
    return [name for name in vars(Watcher) if not name.startswith("_")]


def test_what_comes_during_a_question_is_told_after_it_in_order() -> None:
    heard = Heard()
    patient = Patient(heard, Still(heard))
    names = everything(patient)
    assert heard.told == names
    heard.told.clear()
    with patient.question():
        everything(patient)
        assert heard.told == ["pause"]
    assert heard.told == ["pause", *names, "resume"]


def test_of_progress_only_the_last_word_is_kept() -> None:
    heard = Heard()
    patient = Patient(heard, Still(heard))
    with patient.question():
        for beat in range(20):
            patient.progressed(beat, None, None)
        patient.overheard("line")
        patient.progressed(21, None, None)
    assert heard.told == ["pause", "overheard", "progressed", "resume"]
    patient.progressed(22, None, None)
    assert heard.told[-1] == "progressed"


def test_lines_from_threads_wait_too() -> None:
    heard = Heard()
    patient = Patient(heard, Still(heard))
    with patient.question():
        threads = [Thread(target=patient.overheard, args=("x",)) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert heard.told == ["pause"]
    assert heard.told.count("overheard") == 100
