# SPDX-License-Identifier: GPL-2.0
"""Draws what an I/O costs, as a part of what it costs on the C driver."""

import html

from .table import BACKENDS, SHAPES

COLOURS = {"rust": "#2b6cb0", "kept": "#dd6b20"}
WORDS = {"rust": "pinned on demand", "kept": "pin cache"}

LEFT, BAR, ROW, HEAD, SCALE, GAP = 280, 10, 30, 58, 190, 40


def text(x, y, words, more=""):
    """A line of text."""
    return f'<text x="{x}" y="{y}" {more}>{html.escape(words)}</text>'


def panel(left, backend, instructions):
    """The bars of one back end."""
    yield text(left, HEAD - 14, f"through {'a container' if backend == 'container' else backend}", 'font-weight="bold"')
    bottom = HEAD + ROW * len(SHAPES)
    for part in (0, 0.25, 0.5, 0.75, 1):
        x = left + SCALE * part
        yield f'<path d="M{x} {HEAD - 4}V{bottom}" stroke="{"#555" if part == 1 else "#ccc"}"/>'
        yield text(x, bottom + 14, f"{part:g}", 'text-anchor="middle" fill="#555"')
    for row, shape in enumerate(SHAPES):
        for bar, name in enumerate(COLOURS):
            ratio = instructions[f"{name}-{backend}"][shape] / instructions[f"c-{backend}"][shape]
            y = HEAD + ROW * row + (BAR + 2) * bar
            yield f'<rect x="{left}" y="{y}" width="{SCALE * ratio:.1f}" height="{BAR}" fill="{COLOURS[name]}"/>'
            yield text(f"{left + SCALE * ratio + 4:.1f}", y + BAR - 1, f"{ratio:.2f}", 'fill="#333"')


def draw(instructions):
    """Returns the drawing, as SVG."""
    width, height = LEFT + len(BACKENDS) * (SCALE + GAP) + 10, HEAD + ROW * len(SHAPES) + 26
    view = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {view} font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        text(10, 20, "Instructions per I/O, as a part of those of the C driver", 'font-size="14" font-weight="bold"'),
    ]
    for number, (name, colour) in enumerate(COLOURS.items()):
        lines.append(f'<rect x="{10 + 130 * number}" y="34" width="{BAR}" height="{BAR}" fill="{colour}"/>')
        lines.append(text(25 + 130 * number, 43, WORDS[name]))
    for row, what in enumerate(SHAPES.values()):
        lines.append(text(LEFT - 10, HEAD + ROW * row + BAR + 4, what, 'text-anchor="end"'))
    for number, backend in enumerate(BACKENDS):
        lines.extend(panel(LEFT + number * (SCALE + GAP), backend, instructions))
    return "\n".join([*lines, "</svg>\n"])
