"""Pages of HTML that stand alone: one file, pictures inside, no scripts, nothing fetched from anywhere."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence

__all__ = ["details", "facts", "figure", "heading", "page", "paragraph", "side_by_side", "table", "warning_list"]

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: #1a1a1a; background: #fff;
       max-width: 75rem; margin: 0 auto; padding: 1rem 1.5rem 4rem; }
h1 { font-size: 1.7rem; margin: 1rem 0 0.2rem; } h2 { font-size: 1.3rem; margin: 2.2rem 0 0.4rem;
border-top: 1px solid #ccc; padding-top: 1rem; } h3 { font-size: 1.05rem; margin: 1.4rem 0 0.3rem; }
h1, h2, h3 { line-height: 1.25; overflow-wrap: anywhere; }
p { max-width: 52rem; margin: 0.4rem 0; }
a { color: #0b5394; }
table { border-collapse: collapse; margin: 0.6rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.7rem; text-align: left; border-bottom: 1px solid #e2e2e2; vertical-align: top; }
th { border-bottom: 2px solid #888; white-space: nowrap; } td.number, th.number { text-align: right; }
td.text { overflow-wrap: anywhere; }
.wide { overflow-x: auto; } .mono { font-family: ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.15rem 1.2rem; margin: 0.6rem 0; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 0.6rem 0; } figure svg { max-width: 100%; height: auto; } figcaption { color: #444; max-width: 52rem; }
.pair { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; }
.warnings { background: #fff6e0; border-left: 4px solid #e69f00; padding: 0.4rem 1rem; margin: 0.8rem 0; }
details { margin: 0.6rem 0; } summary { cursor: pointer; color: #0b5394; }
@media print { body { max-width: none; } h2 { break-before: page; } figure, tr { break-inside: avoid; } }
"""

SVG_START = re.compile(r"<svg\b")
IDENTIFIER = re.compile(r"""(\bid="|url\(#|xlink:href="#|\bhref="#)([^")]+)""")


def page(title: str, body: Sequence[str]) -> str:
    """A whole page; ``body`` holds pieces of HTML, made by the other functions.

    Examples
    --------
    >>> "<h1>A &lt; B</h1>" in page("A < B", [paragraph("x")])
    True
    """
    shown = html.escape(title)
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{shown}</title>'
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n'
        f"<body><h1>{shown}</h1>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def heading(text: str, *, level: int = 2, anchor: str = "") -> str:
    """A heading; with an anchor it can be linked to."""
    identity = f' id="{html.escape(anchor)}"' if anchor else ""
    return f"<h{level}{identity}>{html.escape(text)}</h{level}>"


def paragraph(text: str) -> str:
    """One paragraph of plain text."""
    return f"<p>{html.escape(text)}</p>"


def warning_list(messages: Sequence[str]) -> str:
    """A box with warnings; nothing where there are none."""
    if not messages:
        return ""
    return '<div class="warnings">' + "".join(f"<p>{html.escape(message)}</p>" for message in messages) + "</div>"


def facts(entries: Mapping[str, str]) -> str:
    """Names and values below each other."""
    rows = (f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in entries.items())
    return f"<dl>{''.join(rows)}</dl>"


def table(
    columns: Mapping[str, Sequence[str]],
    *,
    numbers: Sequence[str] = (),
    mono: Sequence[str] = (),
    links: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """A table from columns of text.

    Parameters
    ----------
    columns
        Cells by the name of the column.
    numbers
        Columns that are aligned to the right.
    mono
        Columns in letters of one width, blanks kept.
    links
        For a column the anchors its cells link to.

    Examples
    --------
    >>> table({"A": ["<1>"]}, numbers=["A"]).splitlines()[1]
    '<tr><td class="number">&lt;1&gt;</td></tr>'
    """
    anchors = links or {}
    kinds = {name: "number" if name in numbers else "mono" if name in mono else "text" for name in columns}
    head = "".join(
        f"<th{' class=' + chr(34) + 'number' + chr(34) if kinds[name] == 'number' else ''}>{html.escape(name)}</th>"
        for name in columns
    )
    rows = []
    for row, cells in enumerate(zip(*columns.values(), strict=True)):
        shown = []
        for name, cell in zip(columns, cells, strict=True):
            text = html.escape(cell)
            if name in anchors:
                text = f'<a href="#{html.escape(anchors[name][row])}">{text}</a>'
            shown.append(f'<td class="{kinds[name]}">{text}</td>')
        rows.append(f"<tr>{''.join(shown)}</tr>")
    lines = "\n".join(rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>\n{lines}\n</tbody></table></div>'


def figure(svg: bytes | str, caption: str, *, name: str) -> str:
    """A picture inside the page.

    Parameters
    ----------
    svg
        An SVG document.
    caption
        What it shows; also read out to those who cannot see it.
    name
        Unique in the page: it goes before the identifiers inside the picture, which would clash otherwise.
    """
    text = svg.decode() if isinstance(svg, bytes) else svg
    start = SVG_START.search(text)
    if start is None:
        raise ValueError("not an SVG document")
    drawing = IDENTIFIER.sub(lambda match: f"{match[1]}{name}-{match[2]}", text[start.start() :])
    shown = html.escape(caption)
    labelled = SVG_START.sub(f'<svg role="img" aria-label="{shown}"', drawing, count=1)
    return f"<figure>{labelled.strip()}<figcaption>{shown}</figcaption></figure>"


def side_by_side(*pieces: str) -> str:
    """Pieces of HTML beside each other where there is room."""
    return '<div class="pair">' + "".join(f"<div>{piece}</div>" for piece in pieces) + "</div>"


def details(summary: str, content: str, *, opened: bool = False) -> str:
    """Something that opens and closes, without a script."""
    return f"<details{' open' if opened else ''}><summary>{html.escape(summary)}</summary>{content}</details>"
