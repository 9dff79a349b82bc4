"""The parser of the commands: argparse with a guess at what was meant, and with completion by the shell."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from hiero_lib.base.errors import meant

_PROFILES = Path(__file__).parents[1] / "config" / "profiles"


class Parser(argparse.ArgumentParser):
    """Says what may have been meant where a command, an option or a choice is not known.

    A command's own ``--help`` begins with what the command is for: its ``description``, else its line in the list.
    """

    def add_subparsers(self, **given: Any) -> Any:
        """As argparse's."""
        return super().add_subparsers(action=_Commands, **given)

    def error(self, message: str) -> NoReturn:
        """Leave with status 2."""
        if unknown := re.fullmatch(r"unrecognized arguments: (-\S+).*", message):
            guess = meant(unknown[1].partition("=")[0], self._option_string_actions)
            setting = unknown[1].lstrip("-").replace("-", "_").partition("=")[0]
            message += guess or f" (settings of the profile are changed with --set NAME=VALUE: is {setting} one?)"
        super().error(message)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's; what a command does not know is told by that command, which knows its options."""
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown and namespace is not None and "command" in namespace:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return namespace, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            choices = [str(choice) for choice in action.choices]
            problem = f"{str(value)[:60]!r} is not one of {', '.join(choices)}{meant(str(value), choices)}"
            raise argparse.ArgumentError(action, problem)


class _Commands(argparse._SubParsersAction):
    """Commands that all say what they are for."""

    def add_parser(self, name: str, *, help: str | None = None, **given: Any) -> Any:
        """As argparse's."""
        description = None if help is None else f"{help[0].upper()}{help[1:]}."
        return super().add_parser(name, help=help, **({"description": description} | given))


def packaged_profiles() -> list[str]:
    """Names of the profiles that come with the kit, without importing what reads them."""
    return sorted(path.stem for path in _PROFILES.glob("*.yaml"))


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell where it asks what may follow, and leave: with ``pip install argcomplete`` and, in the shell,
    ``eval "$(register-python-argcomplete hiero)"``."""
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser, always_complete_options="long")


def completed_by(action: argparse.Action, names: Iterable[str]) -> None:
    """Let the shell complete an argument with names; others may be given."""
    listed = list(names)
    action.completer = lambda **_: listed  # type: ignore[attr-defined]
