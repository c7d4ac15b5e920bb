"""What is on the screen until the daemon answers: one page without a server."""

from __future__ import annotations

import html
import urllib.parse

# The kiosk page's own background: the change from one to the other is not seen.
_PAGE = """<!doctype html><html lang="en" data-portal-splash><head><meta charset="utf-8">
<title>Portal</title><style>
*{{cursor:none}}html,body{{height:100%;margin:0;background:#07090d}}
body{{display:grid;place-content:center;justify-items:center;gap:4vmin;
font:300 4vmin system-ui,sans-serif;color:#aeb7c4}}
i{{width:9vmin;height:9vmin;border-radius:50%;border:.5vmin solid #2a3240;
border-top-color:#7fb4ff;animation:t 1.6s linear infinite}}
@keyframes t{{to{{transform:rotate(1turn)}}}}</style></head>
<body><i></i><p>{title} is starting</p></body></html>"""


def splash_url(title: str) -> str:
    return "data:text/html;charset=utf-8," + urllib.parse.quote(
        _PAGE.format(title=html.escape(title))
    )
