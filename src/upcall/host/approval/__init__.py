"""Approval: how a person is asked, and how long their answer holds.

::

    Question ─▶ Remembering ─▶ Chain ─▶ TerminalApprover │ ConnectedApprover │ StoreApprover │ Nobody ─▶ Answer
                 what was said before     the first that has a way to ask
"""

from upcall.host.approval.callables import ApprovalFunction, CallableApprover
from upcall.host.approval.chain import Chain, Nobody
from upcall.host.approval.connected import ConnectedApprover, asking_through
from upcall.host.approval.editing import difference, read_edited, to_edit
from upcall.host.approval.elicitation import CHOICES, SCHEMA, Elicit, ElicitationApprover, answer_given
from upcall.host.approval.memory import NOT_NOW, Memory, answer_from, consent_of, keys_of, subject_of
from upcall.host.approval.question import NOBODY, Answer, Approver, Kind, Question, Remember
from upcall.host.approval.remembering import Remembering
from upcall.host.approval.stored import StoreApprover, answer_of, body_of, decision_of, question_of
from upcall.host.approval.terminal import TerminalApprover

__all__ = [
    "Answer",
    "ApprovalFunction",
    "Approver",
    "CHOICES",
    "CallableApprover",
    "Chain",
    "ConnectedApprover",
    "Elicit",
    "ElicitationApprover",
    "Kind",
    "Memory",
    "NOBODY",
    "NOT_NOW",
    "Nobody",
    "Question",
    "Remember",
    "Remembering",
    "SCHEMA",
    "StoreApprover",
    "TerminalApprover",
    "answer_from",
    "answer_given",
    "answer_of",
    "asking_through",
    "body_of",
    "consent_of",
    "decision_of",
    "difference",
    "keys_of",
    "question_of",
    "read_edited",
    "subject_of",
    "to_edit",
]
