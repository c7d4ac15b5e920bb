"""Build what the lab boots: `python -m tests.lab`. The tests do so too, but without a word."""

from __future__ import annotations

import sys

from portal.errors import PortalError
from tests.lab.image import ensure_image
from tests.lab.payload import ensure_payload
from tests.lab.tools import check_tools


def main() -> int:
    try:
        check_tools()
        ensure_image()
        ensure_payload()
    except (LookupError, RuntimeError, PortalError) as exc:
        print(f"lab: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
