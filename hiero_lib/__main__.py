"""``python -m hiero_lib``: the kit from the command line.

Each command imports what it needs when it runs, so that ``--help`` is immediate. A mistake in the call or in a
file is one line on stderr and exit status 2; a notebook that failed is exit status 1, as is what the machine refuses
(a full disk, no permission); Ctrl-C is 130 and SIGTERM 143.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence

from hiero_lib.base.errors import DataError
from hiero_lib.base.signals import Stopped, sigterm_raises
from hiero_lib.cli import benchmarks, data, runs, training, videos


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        with sigterm_raises():
            return options.command(options)
    except KeyboardInterrupt as stop:
        if options.debug:
            raise
        stopped = stop if isinstance(stop, Stopped) else Stopped()
        if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
            hint = "" if stopped.done else "; the same command again goes on where it can"
            print(f"hiero_lib: {stopped}{hint}", file=sys.stderr)
        return stopped.exit_status
    except OSError as error:
        if options.debug:
            raise
        print(f"hiero_lib: {_what_the_machine_refused(error)}", file=sys.stderr)
        return 1
    except DataError as error:
        if options.debug:
            raise
        print("hiero_lib:", *str(error).splitlines(), *getattr(error, "__notes__", ()), file=sys.stderr)
        return 2


def _what_the_machine_refused(error: OSError) -> str:
    """A line with the file, and how to go on."""
    files = " -> ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    what = f"{files}: {error.strerror}" if files and error.strerror else str(error) or type(error).__name__
    hints = {
        errno.ENOSPC: "Make room",
        errno.EDQUOT: "Make room: the quota is used up",
        errno.EROFS: "Write to another folder: this one can only be read",
        errno.EACCES: "Write to a folder of your own, or ask for the right",
        errno.EPERM: "Write to a folder of your own, or ask for the right",
        errno.EMFILE: "Allow more open files (`ulimit -n 4096`)",
    }
    hint = hints.get(error.errno or 0)
    return " ".join(what.split()) + (f". {hint}, and give the same command again" if hint else "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hiero_lib", description="A research kit for HiERO (ICCV 2025).")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for theme in (data, videos, training, benchmarks, runs):
        theme.add_parsers(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
