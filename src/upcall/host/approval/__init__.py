"""Approval: how a person is asked, and how long their answer holds."""

from upcall.host.approval.question import NOBODY, Answer, Approver, Kind, Question, Remember

__all__ = ["Answer", "Approver", "Kind", "NOBODY", "Question", "Remember"]
