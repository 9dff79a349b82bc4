"""The module's parts: all there, joined, without imports or the network."""

from __future__ import annotations

import re

from hiero_lib.front.module import PARTS, explorer_css, explorer_js, part


def test_the_joined_module_has_one_export_and_fetches_nothing() -> None:
    text = explorer_js()
    assert text.count("export default { render };") == 1
    assert re.findall(r"^\s*import\b", text, flags=re.MULTILINE) == []
    assert not re.search(r"https?://|fetch\(|XMLHttpRequest|eval\(|new Function", text)


def test_no_text_becomes_markup() -> None:
    for name in (*PARTS, "served.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", part(name)), name


def test_every_part_is_short_and_every_rule_is_of_the_explorer() -> None:
    assert all(part(name).count("\n") <= 400 for name in PARTS)
    selectors = re.findall(r"^([^@\s{}][^{}]*)\{", explorer_css(), flags=re.MULTILINE)
    assert len(selectors) > 50
    for selector in selectors:
        for one in selector.split(","):
            assert re.match(r"\.(hiero-explorer|hx-)", one.strip()), one
