"""What one check found, and how people read it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from portal.model import Value


class Status(StrEnum):
    OK = "ok"
    WARN = "warn"  # works, or may be meant so
    FAIL = "fail"  # the portal does not work before this is repaired


class Finding(Value, frozen=True):
    """One link of the chain: what is, and what to do about it."""

    check: str
    status: Status
    detail: str
    remedy: str = ""


_MARKS = {Status.OK: "✓", Status.WARN: "!", Status.FAIL: "✗"}


def ok(detail: str) -> Finding:
    return Finding(check="", status=Status.OK, detail=detail)


def warn(detail: str, remedy: str = "") -> Finding:
    return Finding(check="", status=Status.WARN, detail=detail, remedy=remedy)


def fail(detail: str, remedy: str = "") -> Finding:
    return Finding(check="", status=Status.FAIL, detail=detail, remedy=remedy)


def format_findings(findings: Iterable[Finding]) -> str:
    """One line each, aligned: mark, check, what is wrong and what to do."""
    listed = list(findings)
    width = max((len(finding.check) for finding in listed), default=0)
    return "\n".join(
        f"{_MARKS[finding.status]} {finding.check:<{width}}  {_sentence(finding)}"
        for finding in listed
    )


def _sentence(finding: Finding) -> str:
    text = f"{finding.detail}; {finding.remedy}" if finding.remedy else finding.detail
    return " ".join(text.split())
