"""What the notebooks share: installing what is missing, the run's folder, tables, and the closing check.

Only the standard library is imported at the top, and what imports nothing else: on a bare Colab this module is what
installs the rest.
"""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hiero_lib.base.versions import version_of

if TYPE_CHECKING:
    import torch

    from hiero_lib.methods.method import Method
    from hiero_lib.results.run import RunFolder
    from hiero_lib.viz.palette import ThemeName

_NOT_ON_COLAB = {"jupyterlab"}  # it breaks Colab's own server
_CODE = re.compile(r"(`[^`]*`)")  # in markdown, which shows it as it is


def install_missing(requirements: str | Path | None = None) -> list[str]:
    """Install those packages of ``requirements.txt`` that are not there at all; nothing is upgraded.

    The installed torch is held by a constraint, so that Colab keeps its own.

    Args:
        requirements: the file; the repository's own when None.

    Returns:
        The requirements that were installed, none of them where the kit is set up already.
    """
    root = Path(__file__).resolve().parent.parent
    path = Path(requirements) if requirements is not None else root / "requirements.txt"
    if not path.is_file():  # a plain installation, which brought its requirements along
        return []
    colab = "COLAB_RELEASE_TAG" in os.environ
    wanted = [line.split("#")[0].strip() for line in path.read_text("utf-8").splitlines()]
    missing = [line for line in wanted if line and version_of(_name(line)) is None]
    missing = [line for line in missing if not (colab and _name(line) in _NOT_ON_COLAB)]
    if missing:
        torch = version_of("torch")
        with tempfile.TemporaryDirectory() as folder:
            kept = Path(folder) / "constraints.txt"
            kept.write_text(f"torch=={torch}\n" if torch else "", encoding="utf-8")
            command = [sys.executable, "-m", "pip", "install", "--quiet", "-c", str(kept), *missing]
            subprocess.run(command, check=True)
        print(f"installed {', '.join(missing)}")
    return missing


def _name(requirement: str) -> str:
    return re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0].lower()


def open_run(
    profile: str | Path, *, run: str, outputs: str | Path = "outputs", settings: Mapping[str, Any] | None = None
) -> RunFolder:
    """Read the profile, make the run's folder and say on what it will compute.

    Raises:
        ConfigError: an unknown profile or setting, the name of a run that leads out of ``outputs``, or a run of
            another profile or other data.
    """
    from hiero_lib.base.device import best_device
    from hiero_lib.config import load_profile
    from hiero_lib.results.kept_profile import keep_profile
    from hiero_lib.results.names import run_folder
    from hiero_lib.results.run import RunFolder

    settled, folder = load_profile(profile, settings), run_folder(outputs, run)
    _mount_drive(outputs, settled.data_root)
    opened = RunFolder(settled, folder.resolve())
    opened.folder.mkdir(parents=True, exist_ok=True)
    keep_profile(opened.folder, settled)
    note = " (generated: no number is a result on the real benchmark)" if opened.profile.is_sample else ""
    print(f"profile {opened.profile.name}, data {Path(opened.profile.data_root).expanduser().resolve()}{note}")
    print(f"device {best_device()}, run folder {opened.folder}")
    return opened


def _mount_drive(*folders: str | Path) -> None:
    """Mount Google Drive on Colab where a folder lies on it; elsewhere nothing happens."""
    mount = Path("/content/drive")
    if not any(Path(folder).is_relative_to(mount) for folder in folders) or (mount / "MyDrive").is_dir():
        return
    try:
        from google.colab import drive  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return
    drive.mount(str(mount))


def download_data(run: RunFolder, what: Sequence[str], *, delete_archives: bool = False) -> None:
    """Fetch what is named of the run's real data (`hiero_lib.sources.download.fetch`); nothing named, none fetched.

    Raises:
        DownloadError: something could not be fetched; the message says what to do by hand.
    """
    from hiero_lib.base.errors import DownloadError
    from hiero_lib.sources.download.fetch import download
    from hiero_lib.sources.download.manifest import load_manifest

    manifest, root = load_manifest(), Path(run.profile.data_root).expanduser()
    print(f"looking for the real data in {root.resolve()}")
    items = manifest.select(what, run.profile) if what else []
    outcomes = download(items, root, manifest=manifest, delete_archives=delete_archives) if items else []
    failed = [f"{outcome.item.id}: {outcome.details}" for outcome in outcomes if outcome.status == "failed"]
    if failed:
        raise DownloadError("\n".join([f"{len(failed)} of {len(outcomes)} could not be fetched:", *failed]))


def show_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Display a table below the cell."""
    from IPython.display import Markdown, display

    lines = [header, ["---"] * len(header), *rows]
    display(Markdown("\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)))


def show_results(
    run: RunFolder, section: str, *, metrics: Sequence[str] | None = None, theme: ThemeName = "light"
) -> None:
    """Display one section of the run's results: figures, and folded below all values as ``results.md`` has them.

    Args:
        run: of this notebook.
        section: of its ``results.json``.
        metrics: the measures that the figures show; None: all.
        theme: of the figures, a light or a dark page.
    """
    from IPython.display import Markdown, display

    from hiero_lib.results.entries import by_benchmark, entries
    from hiero_lib.results.record import load, table
    from hiero_lib.viz.intervals import interval_panels, plot_intervals

    results = load(run.folder)
    of_section = {**results, "notebooks": {}, "sections": {section: results["sections"][section]}}
    for benchmark, lines in by_benchmark(entries(of_section)).items():
        for differences in (False, True):
            if interval_panels(lines, metrics=metrics, differences=differences)[1]:
                name, _, measure = benchmark.partition(" (")  # of what is no share, the measure is said
                name += f" ({measure.partition(' in hundredths')[0]})" * (" in hundredths" in measure)
                title = f"{name} on {run.data_name}" + ", differences" * differences
                look: dict[str, Any] = {"metrics": metrics, "differences": differences, "theme": theme}
                display(plot_intervals(lines, title=title, **look))
    _, _, below = table(of_section).partition("\n")  # the first line is a title, and the notebook has one
    folded = f"<details><summary>All values, and how they were made</summary>\n\n{below}\n</details>"
    display(Markdown(_no_address(folded)))


def show_written(run: RunFolder) -> None:
    """Display what this notebook has written of the run: a line a folder, with its size and a file of it to open."""
    written = [path for path in sorted(run.folder.rglob("*")) if path.is_file()]
    written = [path for path in written if path.stat().st_mtime >= run.started]
    by_folder: dict[str, list[Path]] = {}
    for path in written:
        inside = path.relative_to(run.folder)
        if inside.parts[0].startswith("."):  # work in progress
            continue
        by_folder.setdefault(f"{inside.parts[0]}/" if len(inside.parts) > 1 else "", []).append(path)
    rows = []
    for folder, paths in sorted(by_folder.items()):
        count = f"{len(paths)} files" if len(paths) > 1 else "1 file"
        what = f"`{folder}`, {count}" if folder else ", ".join(f"`{path.name}`" for path in paths)
        rows.append([what, _size(sum(path.stat().st_size for path in paths)), _link(paths, run.folder)])
    from IPython.display import Markdown, display

    lines = [["in the run's folder", "size", "to open"], ["---"] * 3, *rows]
    print(f"in {run.folder}:")
    display(Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines)))


def _link(paths: Sequence[Path], run_folder: Path) -> str:
    """A link to the first of the files that a browser shows, from the folder of the notebook that is open.

    Colab's pages do not reach the files of its machine: there its name.
    """
    shown = [path for kind in (".html", ".png", ".md") for path in paths if path.suffix == kind]
    if not shown:
        return ""
    if "COLAB_RELEASE_TAG" in os.environ:
        return _as_text(shown[0].name)
    here = run_folder if in_batch() else Path(__file__).resolve().parent.parent / "notebooks"
    return f"[{_as_text(shown[0].name)}]({quote(os.path.relpath(shown[0], here).replace(os.sep, '/'))})"


def require_data(run: RunFolder, section: str, needed: Iterable[str | Path]) -> None:
    """End this notebook here where the data of its benchmark are not there, and record what is missing.

    Files that are there and broken are not looked at: reading them fails.

    Args:
        run: the run of this notebook.
        section: recorded without rows, with ``missing`` as its only ``extra``.
        needed: files and folders.

    Raises:
        EndOfNotebook: one of them does not exist.
    """
    from hiero_lib.base.errors import EndOfNotebook
    from hiero_lib.results.record import record

    missing = [str(path) for path in (Path(given).expanduser().absolute() for given in needed) if not path.exists()]
    if missing:
        extra = {"missing": missing}
        record(run.folder, section, [], profile=run.profile, seconds=run.seconds, extra=extra)
        raise EndOfNotebook(f"no data, and so no results; the notebook ends here. Missing: {', '.join(missing)}")


def check_results(
    run: RunFolder, section: str, *, rows: Sequence[tuple[str, str]] = (), extra: Sequence[str] = ()
) -> None:
    """The closing check: read the run's own result file and fail loudly when something is missing.

    A section that :func:`require_data` recorded passes.

    Args:
        run: the run of this notebook.
        section: the section of ``results.json`` that this notebook had to write.
        rows: pairs of method and metric that must be there with a value.
        extra: names that the section's ``extra`` must hold, not empty.

    Raises:
        IncompleteResults: naming what is missing, or that the section is older than this notebook's run.
    """
    from datetime import datetime

    from hiero_lib.results.record import RESULTS_FILE, load
    from hiero_lib.results.run import IncompleteResults

    path = run.folder / RESULTS_FILE
    recorded = load(run.folder)["sections"].get(section)
    if recorded is None:
        raise IncompleteResults(f"{path} has no section {section!r}")
    if datetime.fromisoformat(recorded["finished"]).timestamp() < int(run.started):
        raise IncompleteResults(f"{path}, section {section!r}: written before this notebook ran")
    if not recorded["rows"] and set(recorded["extra"]) == {"missing"}:
        print(f"No data: {path}, section {section!r} has no rows; missing: {', '.join(recorded['extra']['missing'])}")
        return
    measured = {(row["method"], row["metric"]) for row in recorded["rows"] if row["result"] is not None}
    missing = [f"{method}: {metric}" for method, metric in rows if (method, metric) not in measured]
    missing += [f"extra.{name}" for name in extra if not recorded["extra"].get(name)]
    if missing:
        raise IncompleteResults(f"{path}, section {section!r} lacks {', '.join(missing)}")
    print(f"Complete: {path}, section {section!r}, {len(recorded['rows'])} rows, {run.seconds:.0f} s")


def with_models(run: RunFolder) -> RunFolder:
    """The run itself, where notebook 01 has trained its models; on the sample else one beside it, trained for a
    minute (`hiero_lib.pipelines.short_training`), so that a notebook that is opened alone has something to show.

    In a batch nothing stands in for anything: there the models are there, or it is an error.

    Raises:
        IncompleteResults: there are no models, and none can be trained in a minute; says what to run, and how long
            that takes on this machine.
    """
    from hiero_lib.doctor.advice import training_advice
    from hiero_lib.pipelines.short_training import train_short
    from hiero_lib.results.record import load
    from hiero_lib.results.run import IncompleteResults

    if "training" in load(run.folder)["sections"] or in_batch():
        return run
    if run.profile.is_sample:
        return train_short(run)
    raise IncompleteResults(training_advice(run.profile, run.folder))


def run_methods(run: RunFolder, *, device: torch.device, which: str = "last") -> dict[str, Method]:
    """The untrained features and the models that notebook 01 trained in this run, by the name that tables give them.

    Raises:
        IncompleteResults: as `trained_models`.
    """
    from hiero_lib.methods.opening import open_methods
    from hiero_lib.results.run import trained_models

    return open_methods(run.profile, checkpoints=trained_models(run, which=which), device=device)


def in_batch() -> bool:
    """Whether `reproduce` runs this kernel: nobody will click on anything."""
    from hiero_lib.results.record import COMMAND_VARIABLE

    return COMMAND_VARIABLE in os.environ


def _cell(value: object) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    parts = _CODE.split(" ".join(text.splitlines()).replace("|", "\\|"))
    plain = (_as_text(part) if number % 2 == 0 else part for number, part in enumerate(parts))
    return _no_address("".join(plain))


def _as_text(text: str) -> str:
    """Markdown of plain text: no element, link, picture or formula begins in it."""
    escaped = html.escape(text, quote=False).replace("$", "&#36;")
    return escaped.replace("[", "&#91;").replace("`", "&#96;")


def _no_address(text: str) -> str:
    """Markdown in which ``R1@0.3`` and ``mAP@0.1`` do not become links to mail addresses; code is left as it is."""
    parts = _CODE.split(text)
    return "".join(part.replace("@", "&#64;") if number % 2 == 0 else part for number, part in enumerate(parts))


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
