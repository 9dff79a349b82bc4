"""The numbered notebooks as one pipeline: papermill runs the very files that a person steps through.

Everything that can be refused is refused before the first notebook starts. A notebook that has ended well leaves
a marker with a hash of what it was run with; the next call starts at the first notebook without a matching one.
"""

from __future__ import annotations

import ast
import contextlib
import json
import re
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import hiero_lib
from hiero_lib.base.errors import ConfigError, DataError, known
from hiero_lib.base.files import sha256_of
from hiero_lib.base.fingerprint import Fingerprint
from hiero_lib.base.locks import exclusive
from hiero_lib.base.progress import quiet, readable, say
from hiero_lib.base.sealed import read_sealed, write_sealed
from hiero_lib.base.signals import Stopped
from hiero_lib.config import Profile, from_dict, load_profile
from hiero_lib.pipelines.execute import REPOSITORY, NotebookFailed, execute
from hiero_lib.pipelines.watching import watched
from hiero_lib.results import record as results
from hiero_lib.results.kept_profile import check_profile, keep_profile
from hiero_lib.results.names import run_folder as folder_of_run

NOTEBOOKS = REPOSITORY / "notebooks"
FORMAT = 1  # of the markers of what is done
_STANDARD_PARAMETERS = ("profile", "run", "outputs", "settings")


@dataclass(frozen=True)
class _Step:
    """A notebook to run and what to run it with; ``config`` are the profile's values, whatever file they are from."""

    name: str
    source: Path
    parameters: dict[str, Any]
    config: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides what the notebook does, the data aside."""
        source, version = self.source.read_text("utf-8"), hiero_lib.__version__
        return Fingerprint().json([source, self.parameters, self.config, version]).digits()


def reproduce(
    profile: str | Path,
    *,
    run: str | None = None,
    only: str | None = None,
    settings: Mapping[str, Any] | None = None,
    notebooks_folder: str | Path = NOTEBOOKS,
    outputs: str | Path = "outputs",
    say: Callable[[str], None] = say,
) -> Path:
    """Run the notebook sequence into ``<outputs>/<run>/`` and return the path of ``results.json``.

    Calling it again with the same arguments goes on at the first notebook that is not done; with others, at the
    first notebook that they concern. A notebook that starts makes all later ones not done. One that ended early for
    want of its benchmark's data (`hiero_lib.notebook.require_data`) is done until they come.

    Args:
        profile: name of a packaged profile or path of a YAML file.
        run: name of the folder below ``outputs``; the profile's name when None.
        only: run just the notebooks whose name starts so (``"02"``).
        settings: names to values: a name that is a parameter of a notebook goes to the notebooks that have it,
            any other is a dotted setting of the profile (``training.epochs``). Strings are read as YAML.
        notebooks_folder: where ``00_*.ipynb`` and the following lie.
        outputs: parent of the run's folder.
        say: receives one line per notebook.

    Raises:
        ConfigError: an unknown profile, parameter or setting, a value of the wrong type, or a run of another profile
            or other data, before anything runs.
        DataError: there is no such notebook, one lacks a standard parameter, or another process works on the run,
            before anything runs; or a marker or ``results.json`` is not what was written.
        NotebookFailed: a notebook stopped with an error; ``results.json`` names it and the later ones did not run.
    """
    folder = Path(notebooks_folder).resolve()
    run = run or name_of(profile, settings or {})
    run_folder = folder_of_run(Path(outputs).resolve(), run)
    steps = _plan(profile, run=run, only=only, settings=settings or {}, folder=folder, outputs=run_folder.parent)
    command = _command(profile, run, only, settings or {}, outputs)
    with exclusive(run_folder, "reproduce"):
        keep_profile(run_folder, from_dict(Profile, steps[0].config))
        _run_steps(steps, _numbered(folder), run_folder, command, say)
    return run_folder / results.RESULTS_FILE


def unfinished(
    profile: str | Path,
    *,
    run: str | None = None,
    only: str | None = None,
    settings: Mapping[str, Any] | None = None,
    notebooks_folder: str | Path = NOTEBOOKS,
    outputs: str | Path = "outputs",
) -> list[str]:
    """The notebooks that `reproduce` would run; nothing is written.

    Raises:
        ConfigError, DataError: as `reproduce`, for what it refuses before anything runs.
    """
    folder = Path(notebooks_folder).resolve()
    run = run or name_of(profile, settings or {})
    run_folder = folder_of_run(Path(outputs).resolve(), run)
    steps = _plan(profile, run=run, only=only, settings=settings or {}, folder=folder, outputs=run_folder.parent)
    check_profile(run_folder, from_dict(Profile, steps[0].config))
    return [step.name for step in steps if not _is_done(_marker(run_folder, step.name), step, run_folder, quiet)]


def name_of(profile: str | Path, settings: Mapping[str, Any]) -> str:
    """The name of a profile, which its runs have by default, whatever its file is called."""
    return load_profile(profile, {name: value for name, value in settings.items() if name == "name"}).name


def _run_steps(
    steps: list[_Step], numbered: list[str], run_folder: Path, command: str, say: Callable[[str], None]
) -> None:
    """Run the steps that are not done; ``numbered`` are the names of all notebooks of the sequence."""
    markers = {step.name: _marker(run_folder, step.name) for step in steps}
    left = [step for step in steps if not _is_done(markers[step.name], step, run_folder, quiet)]
    expected = [_expected_s(markers[step.name], step) for step in left]
    if len(left) > 1 and None not in expected:
        say(f"{len(left)} notebooks, about {readable(sum(filter(None, expected)))} in all on two cores")
    for number, step in enumerate(steps, start=1):
        marker = _marker(run_folder, step.name)
        prefix = f"[{number}/{len(steps)}] {step.name}"
        if _is_done(marker, step, run_folder, say):
            say(f"{prefix}: done before (to run it again, delete {marker})")
            continue
        about_s = _expected_s(marker, step)
        later = [name for name in numbered if name >= step.name]
        for name in later:
            _marker(run_folder, name).unlink(missing_ok=True)
        results.forget_notebooks(run_folder, later)
        with watched(prefix, about_s=about_s, log=_log(run_folder, step.name), say=say):
            seconds, missing = _run_and_record(step, run_folder, command)
        done = {"fingerprint": step.fingerprint, "parameters": step.parameters, "seconds": seconds}
        executed = run_folder / f"{step.name}.ipynb"
        write_sealed(marker, done | {"missing": missing, "executed": sha256_of(executed)}, format=FORMAT)
        lacking = f", without results: there is no {', '.join(missing)}" if missing else ""
        say(f"{prefix}: done in {seconds:.0f} s{lacking}")


def _expected_s(marker: Path, step: _Step) -> float | None:
    """Seconds of the notebook's last run here, else what its title says of the sample; None for other data."""
    with contextlib.suppress(DataError, OSError):
        seconds = read_sealed(marker, format=FORMAT, what="the marker of a notebook that is done").get("seconds")
        if isinstance(seconds, int | float):
            return float(seconds)
    says = re.search(r"\*\*It costs\*\*.*? about (\d+) (s|minutes?)\b", step.source.read_text("utf-8"))
    if says is None or not step.config["is_sample"]:
        return None
    return int(says[1]) * (1.0 if says[2] == "s" else 60.0)


def notebook_parameters(notebook: str | Path) -> dict[str, Any]:
    """Names and default values of a notebook's cell tagged ``parameters``.

    Raises:
        DataError: a default is not a literal, so papermill could not replace it safely.
    """
    import papermill

    defaults: dict[str, Any] = {}
    for name, parameter in papermill.inspect_notebook(str(notebook)).items():
        try:
            defaults[name] = ast.literal_eval(parameter["default"])
        except (ValueError, SyntaxError) as error:
            value = parameter["default"]
            raise DataError("a parameter must be a literal", file=notebook, field=name, value=value) from error
    return defaults


def _plan(
    profile: str | Path, *, run: str, only: str | None, settings: Mapping[str, Any], folder: Path, outputs: Path
) -> list[_Step]:
    """The notebooks to run with their parameters, everything checked."""
    names = [name for name in _numbered(folder) if only is None or name.startswith(only)]
    if not names:
        hint = known(only, _numbered(folder))
        raise DataError("there is no such notebook", file=folder, value=only, hint=hint)
    if str(profile).endswith((".yaml", ".yml")):
        profile = str(Path(profile).resolve())
    known_by = {name: notebook_parameters(folder / f"{name}.ipynb") for name in names}
    of_notebooks = {name for defaults in known_by.values() for name in defaults}
    values = {name: yaml.safe_load(value) if isinstance(value, str) else value for name, value in settings.items()}
    of_profile = {name: value for name, value in values.items() if name not in of_notebooks}
    try:
        of_profile |= _data_from_here(load_profile(profile, of_profile).data_root)
        config = load_profile(profile, of_profile).to_dict()
    except ConfigError as error:
        if error.field in of_profile and "." not in error.field:
            error.add_note(f"Parameters of the notebooks: {', '.join(sorted(of_notebooks))}")
        raise
    standard = {"profile": str(profile), "run": run, "outputs": str(outputs), "settings": of_profile}
    steps = []
    for name, defaults in known_by.items():
        source = folder / f"{name}.ipynb"
        for parameter in _STANDARD_PARAMETERS:
            if parameter not in defaults:
                raise DataError("the notebook lacks a parameter that all have", file=source, field=parameter)
            if parameter in values:
                raise ConfigError("set this with its own option", field=parameter, value=values[parameter])
        own = {key: values[key] for key in defaults if key in values}
        for key, value in own.items():
            _check_type(value, defaults[key], source, key)
        steps.append(_Step(name, source, standard | own, config))
    return steps


def _data_from_here(data_root: str) -> dict[str, str]:
    """The setting by which notebooks, which run in the repository, find data that are named from another folder."""
    here = Path(data_root).expanduser().absolute()
    return {} if here == REPOSITORY / Path(data_root).expanduser() else {"data_root": str(here)}


def _check_type(value: Any, default: Any, source: Path, name: str) -> None:
    expected = (int, float) if isinstance(default, float) else type(default)
    fits = isinstance(value, expected) and isinstance(value, bool) == isinstance(default, bool)
    if default is not None and not fits:
        raise ConfigError(f"expected {type(default).__name__}", file=source, field=name, value=value)


def _command(
    profile: str | Path, run: str, only: str | None, settings: Mapping[str, Any], outputs: str | Path
) -> str:
    """The call as one types it in a shell."""
    words = ["python", "-m", "hiero_lib", "reproduce", "--profile", str(profile)]
    words += ["--run", run] if run != Path(profile).stem else []
    words += ["--only", only] if only is not None else []
    words += ["--outputs", str(outputs)] if str(outputs) != "outputs" else []
    for name, value in settings.items():
        words += ["--set", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    return shlex.join(words)


def _numbered(folder: Path) -> list[str]:
    """Names of the notebooks of the sequence, in order."""
    return sorted(path.stem for path in folder.glob("[0-9][0-9]_*.ipynb"))


def _marker(run_folder: Path, name: str) -> Path:
    return run_folder / "done" / f"{name}.json"


def _log(run_folder: Path, name: str) -> Path:
    return run_folder / "logs" / f"{name}.log"


def _is_done(marker: Path, step: _Step, run_folder: Path, say: Callable[[str], None]) -> bool:
    """Whether the executed copy is there as it was written, was made from the same notebook with the same parameters,
    and still lacks what it lacked.

    Raises:
        DataError: the marker is not what was written.
    """
    executed = run_folder / f"{step.name}.ipynb"
    if not marker.is_file() or not executed.is_file():
        return False
    try:
        done = read_sealed(marker, format=FORMAT, what="the marker of a notebook that is done")
    except DataError as error:
        hint = "Delete it to run the notebook again"
        raise DataError(error.problem, file=error.file, field=error.field, value=error.value, hint=hint) from error
    missing = done.get("missing")
    if not isinstance(missing, list) or not all(isinstance(path, str) for path in missing):
        raise DataError("a list of files is expected", file=marker, field="missing", hint="Delete it")
    if done.get("fingerprint") != step.fingerprint or any(Path(path).exists() for path in missing):
        return False
    if problem := _unfinished(executed, done.get("executed"), ended_early=bool(missing)):
        say(f"{step.name} runs again: {executed} {problem}")
        return False
    return True


def _unfinished(executed: Path, digest: object, *, ended_early: bool) -> str | None:
    """Why a notebook is not one that was run to its end; None where it is.

    One that somebody has opened and saved since, with whatever outputs, is: what its run recorded does not change.
    """
    if sha256_of(executed) == digest:
        return None
    import nbformat

    try:
        notebook = nbformat.read(executed, as_version=4)
        nbformat.validate(notebook)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    except Exception as error:  # nbformat raises what its parts raise
        return f"is not a notebook ({type(error).__name__})"
    was_run = [bool(cell.execution_count) for cell in cells]
    if not any(was_run) or not (all(was_run) or ended_early):
        return "was not run to its end"
    if any(output.output_type == "error" for cell in cells for output in cell.outputs):
        return "ended in an error"
    return None


def _run_and_record(step: _Step, run_folder: Path, command: str) -> tuple[float, list[str]]:
    """Run one notebook and note in ``results.json`` how it ended; its seconds, and the data that it did without."""
    before = results.load(run_folder)["sections"]
    started = time.monotonic()
    outcome: dict[str, Any] = {"status": "done"}
    try:
        execute(step.source, step.parameters, run_folder, log=_log(run_folder, step.name), command=command)
    except NotebookFailed as error:
        outcome = {"status": "failed", "cell": error.cell, "error": error.error}
        raise
    except KeyboardInterrupt as error:
        stopped = error if isinstance(error, Stopped) else Stopped()
        outcome = {"status": "failed", "cell": None, "error": f"{stopped}; the same command goes on"}
        raise
    except BaseException as error:
        outcome = {"status": "failed", "cell": None, "error": f"{type(error).__name__}: {error}"}
        raise
    finally:
        seconds = round(time.monotonic() - started, 3)
        sections = results.load(run_folder)["sections"]
        written = [name for name, value in sections.items() if value != before.get(name)]
        results.record_notebook(run_folder, step.name, outcome | {"seconds": seconds, "sections": written})
    return seconds, [path for name in written for path in sections[name].get("extra", {}).get("missing", [])]
