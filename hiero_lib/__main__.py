"""``python -m hiero_lib``: the kit from the command line.

Each command imports what it needs when it runs, so that ``--help`` is immediate. Whatever ends a command is one line
on stderr, with ``--debug`` a traceback, and an exit status: 2 for a mistake in the call or in a file, 1 for what the
machine refuses (a full disk, no permission, no memory) and for work that failed, 130 and 143 for a command that was
stopped by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

from hiero_lib.base.errors import DataError, Terminated
from hiero_lib.cli import benchmarks, data, runs, training, videos

_GO_ON = "what was done is kept; the same command goes on from there"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    _speak_on_any_console()
    options = _parser().parse_args(arguments)
    before = _on_sigterm(_terminate)
    try:
        status: int = options.command(options)
        sys.stdout.flush()
        return status
    except (Exception, KeyboardInterrupt, Terminated) as error:
        if options.debug and isinstance(error, Exception):
            raise
        return _told(error)
    finally:
        _on_sigterm(before)


def _told(error: BaseException) -> int:
    """Say in one line what ended a command; its exit status. What nobody has foreseen is raised again."""
    match error:
        case DataError():
            _say(*str(error).splitlines(), *getattr(error, "__notes__", ()))
            return 2
        case KeyboardInterrupt():
            _say(f"stopped by Ctrl-C; {_GO_ON}")
            return 128 + signal.SIGINT
        case Terminated():
            _say(f"stopped by SIGTERM; {_GO_ON}")
            return 128 + signal.SIGTERM
        case BrokenPipeError():  # whoever read what is printed has gone, as head does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1
        case OSError():
            where = " ".join(repr(str(name)) for name in (error.filename, error.filename2) if name is not None)
            _say(f"{error.strerror or error}{': ' if where else ''}{where}; {_GO_ON}")
            return 1
        case MemoryError():
            _say(f"out of memory ({str(error) or 'no more than that is known'}); {_GO_ON}")
            return 1
    raise error


def _say(*lines: str) -> None:
    print("hiero_lib:", *lines, file=sys.stderr)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated


def _on_sigterm(handler: Any) -> Any:
    """Set the handler; the one before. Only the main thread of a process may."""
    try:
        return signal.signal(signal.SIGTERM, handler)
    except ValueError:
        return handler


def _speak_on_any_console() -> None:
    """A name that the console's code page lacks is printed with escapes, not an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hiero_lib", description="A research kit for HiERO (ICCV 2025).")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for theme in (data, videos, training, benchmarks, runs):
        theme.add_parsers(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
