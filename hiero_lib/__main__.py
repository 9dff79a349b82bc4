"""``python -m hiero_lib``: the kit from the command line.

Each command imports what it needs when it runs, so that ``--help`` is immediate. Whatever ends a command is one line
on stderr, with ``--debug`` a traceback, and an exit status: 2 for a mistake in the call or in a file, 1 for what the
machine refuses (a full disk, no permission, no memory) and for work that failed, 130 and 143 for a command that was
stopped by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
from collections.abc import Sequence

from hiero_lib import __version__
from hiero_lib.base.errors import DataError
from hiero_lib.base.signals import Stopped, sigterm_raises
from hiero_lib.cli import benchmarks, data, explorer, runs, slurm, training, videos
from hiero_lib.cli.parser import Parser, complete

_DESCRIPTION = (
    "A research kit for HiERO (ICCV 2025). With a video of yours: explore VIDEO --serve. With the sample: reproduce"
    " --profile sample, then serve --run sample. What there is and what can run: doctor. COMMAND --help says more."
)
_HINTS = {
    errno.ENOSPC: "Make room",
    errno.EDQUOT: "Make room: the quota is used up",
    errno.EROFS: "Write to another folder: this one can only be read",
    errno.EACCES: "Write to a folder of your own, or ask for the right",
    errno.EPERM: "Write to a folder of your own, or ask for the right",
    errno.EMFILE: "Allow more open files (`ulimit -n 4096`)",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    _speak_on_any_console()
    parser = _parser()
    complete(parser)
    given = sys.argv[1:] if arguments is None else list(arguments)
    if not given:
        parser.print_help(sys.stderr)
        return 2
    if given[0] == "help":
        given = [*given[1:], "--help"]
    options = parser.parse_args(given)
    try:
        with sigterm_raises():
            status: int = options.command(options)
            sys.stdout.flush()
            return status
    except (Exception, KeyboardInterrupt) as error:
        if options.debug:
            raise
        return _told(error)


def _told(error: BaseException) -> int:
    """Say in one line what ended a command; its exit status. What nobody has foreseen is raised again."""
    match error:
        case DataError():
            _say(*str(error).splitlines(), *getattr(error, "__notes__", ()))
            return 2
        case KeyboardInterrupt():
            stopped = error if isinstance(error, Stopped) else Stopped()
            if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
                _say(f"{stopped}{'' if stopped.done else '; the same command goes on where it can'}")
            return stopped.exit_status
        case BrokenPipeError():  # whoever read what is printed has gone, as head does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1
        case OSError():
            _say(_what_the_machine_refused(error))
            return 1
        case MemoryError():
            _say(f"out of memory{f' ({error})' if str(error) else ''}")
            return 1
    raise error


def _what_the_machine_refused(error: OSError) -> str:
    """A line with the file, and how to go on."""
    files = " -> ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    what = f"{files}: {error.strerror}" if files and error.strerror else str(error) or type(error).__name__
    hint = _HINTS.get(error.errno or 0)
    return " ".join(what.split()) + (f". {hint}, and give the same command again" if hint else "")


def _say(*lines: str) -> None:
    print("hiero_lib:", *lines, file=sys.stderr)


def _speak_on_any_console() -> None:
    """A name that the console's code page lacks is printed with escapes, not an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    called = "hiero" if os.path.basename(sys.argv[0]) == "hiero" else "python -m hiero_lib"
    parser = Parser(prog=called, description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"hiero_lib {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for theme in (data, videos, explorer, training, benchmarks, runs, slurm):
        theme.add_parsers(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
