"""A report as one HTML page that needs nothing else: pictures, figures and styles are in it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from html import escape

from jepascore_core.api.summary_html import table_html
from jepascore_core.figures.files import file_name, picture_config
from jepascore_core.report.content import Gallery, Picture, Report, Section

#: Returns the bytes of a small WebP picture, None where the image cannot be read any more.
Preview = Callable[[Picture], bytes | None]

GONE = "no longer readable"
STYLE = """
:root { color-scheme: light dark; --ink: #1d2a35; --faint: #5d6b78; --ground: #fff; --line: #dde3e8; --key: #1f6f8b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf1; --faint: #9aa7b2; --ground: #10161b; --line: #2b353d;
  --key: #6bb8d0; } }
body { font: 1rem/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); margin: 0 auto;
  max-width: 72rem; padding: 1.5rem; }
h1 { margin: 0; } h2 { margin: 2.5rem 0 0.5rem; border-top: 1px solid var(--line); padding-top: 1rem; }
h3 { margin: 1rem 0 0.25rem; font-size: 0.95rem; } p { margin: 0.25rem 0; overflow-wrap: anywhere; }
.about, figcaption, .gone { color: var(--faint); font-size: 0.85rem; }
.row { display: flex; flex-wrap: wrap; gap: 0.5rem; } figure { margin: 0; width: 7rem; }
figure img, .gone { width: 7rem; height: 7rem; object-fit: contain; background: var(--line); border-radius: 0.25rem; }
.gone { display: grid; place-items: center; text-align: center; }
figcaption { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: 0.5rem 0; font-size: 0.9rem; }
th, td { text-align: left; padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
.verdict { border-left: 0.4rem solid var(--line); padding-left: 0.75rem; font-weight: 600; }
.green { border-color: #2a9d62; } .amber { border-color: #e0a020; } .red { border-color: #c8402f; }
"""


def report_html(report: Report, preview: Preview) -> str:
    """Return the page. The script that draws figures is in it once, if there is any figure."""
    parts = [f"<h1>{escape(report.title)}</h1>", *(f'<p class="about">{escape(text)}</p>' for text in report.about)]
    has_script = False
    for section in report.sections:
        parts += [f"<h2>{escape(section.title)}</h2>", *_texts(section)]
        for figure in section.figures:
            config = picture_config(file_name(report.title, section.title))
            parts.append(figure.to_html(full_html=False, include_plotlyjs=not has_script, config=config))
            has_script = True
        parts += [f'<div class="wide">{table_html(table.heads, table.rows)}</div>' for table in section.tables]
        parts += [_gallery(gallery, preview) for gallery in section.galleries if gallery.pictures]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{STYLE}</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(parts) + "\n</body></html>\n"


def _texts(section: Section) -> list[str]:
    first = f' class="verdict {escape(section.colour)}"' if section.colour else ""
    return [f"<p{first if position == 0 else ''}>{escape(text)}</p>" for position, text in enumerate(section.texts)]


def _gallery(gallery: Gallery, preview: Preview) -> str:
    figures = "".join(_figure(picture, preview(picture)) for picture in gallery.pictures)
    return f'<h3>{escape(gallery.title)}</h3><div class="row">{figures}</div>'


def _figure(picture: Picture, data: bytes | None) -> str:
    key = escape(picture.sample_key)
    if data is None:
        shown = f'<div class="gone">{GONE}</div>'
    else:
        shown = f'<img src="data:image/webp;base64,{base64.b64encode(data).decode()}" alt="{key}">'
    caption = escape(picture.caption or picture.sample_key)
    return f'<figure title="{key}">{shown}<figcaption>{caption}</figcaption></figure>'
