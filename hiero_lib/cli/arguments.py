"""Arguments that several commands share, and what is read from them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from hiero_lib.base.errors import ConfigError
from hiero_lib.cli.parser import completed_by, packaged_profiles

if TYPE_CHECKING:
    from hiero_lib.config import Profile

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

T = TypeVar("T", int, float)

_WEIGHTS = "a model folder that training wrote, or an authors' .pth file"


def whole(least: int, most: int = 10**9) -> Callable[[str], int]:
    """The type of an argument that is a whole number from ``least`` to ``most``."""

    def parse(text: str) -> int:
        if len(text) > 20 or not (value := text.removeprefix("-")).isascii() or not value.isdigit():
            raise argparse.ArgumentTypeError(f"a whole number is expected, not {text[:40]!r}")
        return _within(int(text), least, most)

    return parse


def decimal(least: float, most: float) -> Callable[[str], float]:
    """The type of an argument that is a number from ``least`` to ``most``."""

    def parse(text: str) -> float:
        try:
            return _within(float(text), least, most)
        except ValueError:
            raise argparse.ArgumentTypeError(f"a number is expected, not {text[:40]!r}") from None

    return parse


def _within(value: T, least: float, most: float) -> T:
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"expected {least:,} to {most:,}, not {value}")
    return value


def add_profile(command: argparse.ArgumentParser, default: str | None = None) -> None:
    """``--profile``, which must be given unless there is a default, and ``--set``."""
    names = packaged_profiles()
    help = f"{', '.join(names)}, or a YAML file" + (f" (default: {default})" if default else "")
    completed_by(command.add_argument("--profile", required=default is None, default=default, help=help), names)
    command.add_argument(
        "--set",
        dest="settings",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="change a setting, for example training.epochs=2; repeatable",
    )


def add_profile_of_run(command: argparse.ArgumentParser) -> None:
    """``--profile`` and ``--set`` of a command on a run, which keeps its profile (`open_run`)."""
    add_profile(command, default="the run's")
    command.set_defaults(profile=None)


def add_run(command: argparse.ArgumentParser, use: str = "write to") -> None:
    """``--run``, a folder under ``outputs``."""
    command.add_argument("--run", help=f"{use} outputs/RUN (default: the profile's name)")


def add_checkpoint(command: argparse.ArgumentParser, help: str = _WEIGHTS) -> None:
    """``--checkpoint``, at most one."""
    command.add_argument("--checkpoint", type=Path, help=help)


def add_checkpoints(command: argparse.ArgumentParser) -> None:
    """``--checkpoint``, any number of them."""
    help = f"{_WEIGHTS}; repeatable (default: the run's models, if it has any)"
    command.add_argument("--checkpoint", dest="checkpoints", type=Path, action="append", default=[], help=help)


def add_method(command: argparse.ArgumentParser) -> None:
    """``--run``, ``--method`` and ``--checkpoint``: one method of a finished run."""
    add_run(command, "take the models of")
    command.add_argument(
        "--method", choices=("hiero", "probe", "untrained"), default="hiero", help="(default: %(default)s)"
    )
    add_checkpoint(command, "a model folder or an authors' .pth instead of the run's")


def add_extractor(command: argparse.ArgumentParser) -> None:
    """``--extractor``, ``--weights`` and ``--device``."""
    command.add_argument(
        "--extractor", help="efficientnet_lite0, egovlp, omnivore_video_swinl or clip (default: the profile's folder)"
    )
    command.add_argument("--weights", help="file or folder of the extractor's weights, or a name on the hub")
    command.add_argument("--device", help="cuda, cpu, ... (default: the best there is)")


def add_formats(command: argparse.ArgumentParser, default: list[str] | None = None) -> None:
    """``--formats`` of a video's hierarchy; None: all."""
    help = f"of html json csv vtt eaf png svg pdf (default: {' '.join(default or ['all'])})"
    command.add_argument("--formats", nargs="+", default=default, metavar="FORMAT", help=help)


def add_server(command: argparse.ArgumentParser) -> None:
    """``--port`` and ``--no-browser`` of a local web page."""
    command.add_argument("--port", type=whole(0, 65535), default=0, help="of the local page (default: any free one)")
    command.add_argument(
        "--no-browser", dest="browser", action="store_false", help="print the address, and open nothing"
    )


def open_profile(options: argparse.Namespace) -> Profile:
    """The profile with its changed settings.

    Commands call it first: a mistake is told before anything slow is imported.

    Raises:
        ConfigError: the profile or a setting is wrong.
    """
    from hiero_lib.config import load_profile

    return load_profile(options.profile, changed_settings(options))


def open_run(options: argparse.Namespace) -> tuple[Profile, Path]:
    """The profile that ``--profile`` names, else the one that ``--run`` keeps, with its changed settings; the folder.

    For a command with `add_profile_of_run` and `add_run`; one that works on the run keeps the profile when it has
    (`hiero_lib.results.kept_profile.keep_profile`), so that a mistake leaves no run.

    Raises:
        ConfigError: neither is named, the run is not there, keeps none or is of another profile or other data, or a
            setting is wrong.
        DataError: what the run keeps is damaged.
    """
    from hiero_lib.results.kept_profile import RUN_FILE, check_profile, kept_profile
    from hiero_lib.results.names import run_folder as folder_of_run
    from hiero_lib.results.names import runs_there

    if options.profile is not None:
        profile = open_profile(options)
    elif options.run is None:
        hint = runs_there(Path("outputs", "?"))  # no name that one of them might resemble
        raise ConfigError("give a profile, or a --run that keeps its own", field="--profile", hint=hint)
    else:
        folder = folder_of_run("outputs", options.run)
        kept = kept_profile(folder, changed_settings(options))
        if kept is None:
            if not folder.is_dir():
                hint = f"{runs_there(folder)}. A new one needs --profile"
                raise ConfigError("there is no such run", field="--run", value=options.run, hint=hint)
            hint = "Give --profile, or name another --run"
            raise ConfigError("the run keeps no profile", file=folder / RUN_FILE, field="--run", hint=hint)
        profile = kept
    folder = run_folder(options, profile)
    check_profile(folder, profile)
    return profile, folder


def changed_settings(options: argparse.Namespace) -> dict[str, Any]:
    """What ``--set`` gave, by name.

    Raises:
        ConfigError: one is not NAME=VALUE.
    """
    settings: dict[str, Any] = {}
    for given in options.settings:
        name, equals, value = given.partition("=")
        if not equals or not name:
            raise ConfigError("write a setting as NAME=VALUE", field="--set", value=given)
        settings[name.strip()] = value
    return settings


def runs_of_seeds(options: argparse.Namespace, run: str) -> list[tuple[str, list[str]]]:
    """For each of ``--seeds`` the name of its run, ``RUN-seedN``, and the settings of ``--set`` with the seed.

    Raises:
        ConfigError: a seed is given twice, or as a setting too.
    """
    if len(set(options.seeds)) < len(options.seeds):
        raise ConfigError("give different seeds", field="--seeds", value=options.seeds)
    if "training.seed" in changed_settings(options):
        raise ConfigError("give --seeds or this setting", field="training.seed")
    return [(f"{run}-seed{seed}", [*options.settings, f"training.seed={seed}"]) for seed in options.seeds]


def run_folder(options: argparse.Namespace, profile: Profile) -> Path:
    """``outputs/RUN``.

    Raises:
        ConfigError: the run's or the profile's name leads out of ``outputs``.
    """
    from hiero_lib.results.names import run_folder

    return run_folder("outputs", options.run or profile.name)


THREADS_HELP = (
    "one number: of the coarsest level, and more at each level below; or one a level, the finest first; "
    "auto: as many as the features say"
)


def thread_counts(given: Sequence[str] | None) -> int | Literal["auto"] | list[int | Literal["auto"]] | None:
    """What ``--threads`` says: one number, or one a level; None where it was not given.

    Raises:
        ConfigError: as `thread_count`.
    """
    counts = [thread_count(one) for one in given or ()]
    return counts[0] if len(counts) == 1 else counts or None


def thread_count(given: str) -> int | Literal["auto"]:
    """A positive number of threads, or ``auto``.

    Raises:
        ConfigError: it is neither.
    """
    if given == "auto":
        return "auto"
    if not (given.isascii() and given.isdecimal() and len(given) < 10 and int(given) > 0):
        raise ConfigError("a number of threads, or auto, is expected", field="--threads", value=given)
    return int(given)
