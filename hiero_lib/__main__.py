"""``python -m hiero_lib``: the kit from the command line.

Each command imports what it needs when it runs, so that ``--help`` is immediate. A mistake in the call or in a
file is one line on stderr and exit status 2; a notebook that failed is exit status 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from hiero_lib.base.errors import DataError
from hiero_lib.cli import benchmarks, data, runs, training, videos


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except DataError as error:
        if options.debug:
            raise
        print("hiero_lib:", *str(error).splitlines(), *getattr(error, "__notes__", ()), file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hiero_lib", description="A research kit for HiERO (ICCV 2025).")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for theme in (data, videos, training, benchmarks, runs):
        theme.add_parsers(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
