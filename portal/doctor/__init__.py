"""`portal doctor`: each link of the chain from camera to screen, checked."""

from portal.doctor.chain import run_checks
from portal.doctor.finding import Finding, Status, format_findings

__all__ = ["Finding", "Status", "format_findings", "run_checks"]
