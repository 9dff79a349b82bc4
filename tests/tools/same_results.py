"""``python -m tests.tools.same_results BEFORE AFTER``: what differs between two results.json, times apart.

For changes that are to change nothing: run the sample before and after (``reproduce --profile sample``), compare.
Times, commits, versions, commands and the folders that paths begin with are left out. Exit status 1 where anything
else differs.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

UNLIKE = {"started", "finished", "seconds", "commit", "versions", "platform", "command"}


def differences(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """A line for each place where two values of JSON's types differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            place = f"{at}.{name}" if at else name
            if name in UNLIKE:
                continue
            if name not in after:
                yield f"{place}: only before"
            elif name not in before:
                yield f"{place}: only after: {_short(after[name])}"
            else:
                yield from differences(before[name], after[name], place)
    elif isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            yield f"{at}: {len(before)} entries before, {len(after)} after"
        for number, (one, other) in enumerate(zip(before, after)):
            named = [
                str(one[key]) for key in ("benchmark", "method", "metric") if isinstance(one, dict) and key in one
            ]
            yield from differences(one, other, f"{at}[{' '.join(named) or number}]")
    elif before != after:
        yield f"{at}: {_short(before)} -> {_short(after)}"


def _short(value: Any) -> str:
    return repr(value)[:160]


def read(path: Path) -> Any:
    """A results.json with its run's folder and its repository's made plain in every path."""
    root = str(path.resolve().parents[2])
    return json.loads(re.sub(re.escape(root), "ROOT", path.read_text("utf-8")))


def main() -> int:
    """Print the differences; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.same_results", description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    options = parser.parse_args()
    lines = list(differences(read(options.before), read(options.after)))
    print(*lines, f"{len(lines)} differences", sep="\n")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
