"""The page `/docs`: what can be asked of the server, from its OpenAPI description."""

from collections.abc import Mapping
from html import escape
from typing import Any

STYLE = (
    "body{margin:2rem auto;max-width:48rem;padding:0 1rem;font:16px/1.5 system-ui,sans-serif;"
    "color-scheme:light dark}code{font-size:.95em}dt{font-weight:600}dd{margin:0 0 .3rem 1.2rem}"
    "h2{font-size:1.1rem;margin:1.6rem 0 .3rem}p{margin:.3rem 0}"
)


def reference_page(description: Mapping[str, Any]) -> str:
    """As HTML that asks for nothing else."""
    parts = []
    for path, ways in description["paths"].items():
        for way, said in ways.items():
            rows = "".join(
                f"<dt><code>{escape(each['name'])}</code></dt>"
                f"<dd>{escape(each.get('description') or each['schema'].get('title', ''))}</dd>"
                for each in said.get("parameters", [])
            )
            parts.append(
                f"<h2><code>{way.upper()} {escape(path)}</code></h2>"
                f"<p>{escape(said.get('description', ''))}</p><dl>{rows}</dl>"
            )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>diptych</title><style>{STYLE}</style><h1>What can be asked</h1>"
        "<p>The body of a request is the picture: <code>curl --data-binary @photo.png "
        "ADDRESS/translate/NAME &gt; result.png</code>. An error is one line of JSON. The same for "
        'programs: <a href="openapi.json">openapi.json</a>.</p>' + "".join(parts) + "</html>"
    )
