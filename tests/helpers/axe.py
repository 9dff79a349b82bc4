"""axe-core, which finds what keeps people from a page, run in a page of Playwright's."""

from __future__ import annotations

from importlib import resources

from playwright.sync_api import Page

_LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


def grave(page: Page) -> list[str]:
    """What axe calls serious or critical of WCAG 2.1, A and AA: the rule, and where."""
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    found = page.evaluate(f"axe.run(document, {{runOnly: {_LEVELS}}})")
    return [
        f"{rule['id']} ({rule['impact']}): {node['target']} {node['failureSummary'].splitlines()[-1].strip()}"
        for rule in found["violations"]
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]
