"""Text in a cell of a table for people: csv that no spreadsheet runs, markdown that holds no markup of its own."""

from __future__ import annotations

import re

_RUN = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")  # after apostrophes, what makes a spreadsheet run a cell


def csv_cell(value: object) -> object:
    """A cell for :mod:`csv`: a text that a spreadsheet would run (``=1+1``, ``@x``) gets an apostrophe in front.

    Numbers stay as they are. OWASP, "CSV Injection". `plain_cell` is the way back, for every text.
    """
    return f"'{value}" if isinstance(value, str) and _RUN.match(value) else value


def plain_cell(text: str) -> str:
    """What `csv_cell` was given."""
    return text[1:] if text.startswith("'") and _RUN.match(text) else text


def markdown_text(text: str) -> str:
    """One line of markdown that shows ``text``: no HTML, links or columns come out of it."""
    line = " ".join(text.split())
    line = re.sub(r"&(?=#?\w+;)", "&amp;", line).replace("<", "&lt;").replace("](", "]\\(")
    return re.sub(r"\\*\|", lambda found: "\\" * (2 * len(found[0]) - 1) + "|", line)


def markdown_code(text: str) -> str:
    """``text`` as a code span on one line, whatever backticks are in it."""
    line = " ".join(text.split())
    longest = max(map(len, re.findall("`+", line)), default=0)
    fence, pad = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{pad}{line}{pad}{fence}"
