"""The results of runs as one table: markdown for people, CSV for programs, LaTeX for papers.

Input are the dictionaries of ``results.json``. Every table of the paper is a table here: what was published beside
what the run has, with n, what was excluded, the data, the thread graph, the seed and the command. A difference is
taken only from the published figure of the same method on the same features, and never on the sample.
"""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hiero_lib.published import counterpart, has_published_rows

SAMPLE, REAL, PUBLISHED = "sample", "real", "as published"


@dataclass(frozen=True)
class Entry:
    """One line: a value that a run measured, or a published one that it quotes. Values are fractions.

    Attributes:
        run, section, benchmark, method, metric: where the value belongs.
        data: ``sample``, ``real``, or ``as published`` for a quoted line.
        here, spread, low, high: the run's value, its standard deviation over seeds, its 95 % interval.
        published: the published value of this method on these features; in a quoted line, of the method it names.
        comparable: whether the paper reports the method, so that a difference is missed where there is none.
        n, excluded, thread_graph, seed, command, note: how it was measured.
    """

    run: str
    section: str
    benchmark: str
    method: str
    metric: str
    data: str
    here: float | None
    spread: float | None
    low: float | None
    high: float | None
    published: float | None
    comparable: bool
    n: int | None
    excluded: int | None
    thread_graph: str
    seed: str
    command: str
    note: str

    @property
    def difference(self) -> float | None:
        """The run's value minus the published one; None on the sample, or where one of them is missing."""
        if self.data != REAL or self.here is None or self.published is None:
            return None
        return self.here - self.published


def entries(results: Mapping[str, Any]) -> list[Entry]:
    """The lines of one run; a quoted figure that stands beside the run's own is not repeated."""
    found: list[Entry] = []
    for name, section in results["sections"].items():
        rows, folder = section["rows"], section["config"].get("features", {}).get("folder", "")
        beside = [None if row["result"] is None else counterpart(row, rows, folder) for row in rows]
        repeated = {id(row) for row in beside if row is not None} if not section["is_sample"] else set()
        reported = {(row["benchmark"], row["metric"]) for row in rows if row["published"] is not None}
        for row, quoted in zip(rows, beside):
            if id(row) in repeated:
                continue
            result = row["result"] or {}
            published = row["published"]
            if published is None and quoted is not None and not section["is_sample"]:
                published = quoted["published"]
            measured = row["result"] is not None
            data = (SAMPLE if section["is_sample"] else REAL) if measured else PUBLISHED
            low, high = result.get("interval") or (None, None)
            found.append(
                Entry(
                    run=results["run"],
                    section=name,
                    benchmark=row["benchmark"],
                    method=row["method"],
                    metric=row["metric"],
                    data=data,
                    here=result.get("value"),
                    spread=row.get("spread"),
                    low=low,
                    high=high,
                    published=published,
                    comparable=(row["benchmark"], row["metric"]) in reported and has_published_rows(row["method"]),
                    n=result.get("n"),
                    excluded=result.get("excluded"),
                    thread_graph=row.get("thread_graph") or "",
                    seed=_seeds(row.get("seed"), section["seed"]) if measured else "",
                    command=command_line(section) if measured else "",
                    note=row["note"],
                )
            )
    return found


def command_line(section: Mapping[str, Any]) -> str:
    """The command that wrote a section, as one would type it."""
    command = section["environment"].get("command") or []
    if not command:
        return "unknown"
    if command[0] == "__main__.py":
        return shlex.join(["python", "-m", "hiero_lib", *command[1:]])
    if command[0] == "ipykernel_launcher.py":
        return "a notebook, by hand"
    return shlex.join(command)


def markdown(runs: Sequence[Mapping[str, Any]]) -> str:
    """The table for people, one part per table of the paper; a column names the run where there are several."""
    return "\n".join([*_introduction(runs), *_tables(runs), *_makings(runs)]).rstrip() + "\n"


def csv_text(runs: Sequence[Mapping[str, Any]]) -> str:
    """Tidy: one line per value, fractions unrounded, nothing where there is nothing."""
    columns = [
        "run", "section", "benchmark", "method", "metric", "data", "published", "here", "difference", "spread",
        "low", "high", "n", "excluded", "thread_graph", "seed", "command", "note",
    ]  # fmt: skip
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for entry in _all_entries(runs):
        values = [getattr(entry, column) for column in columns]
        writer.writerow(["" if value is None else value for value in values])
    return stream.getvalue()


def latex(runs: Sequence[Mapping[str, Any]]) -> str:
    """One ``table`` per table of the paper, for a document with the packages booktabs and textcomp."""
    lines = ["% needs \\usepackage{booktabs}"]
    for benchmark, found in _by_benchmark(_all_entries(runs)).items():
        header, *rows = _cells(found, several=len(runs) > 1)
        numeric = {"published", "here", "difference", "n", "excluded"}
        lines += [
            "\\begin{table}",
            "\\centering",
            f"\\caption{{{_tex(_caption(benchmark, found))}}}",
            f"\\begin{{tabular}}{{{''.join('r' if name in numeric else 'l' for name in header)}}}",
            "\\toprule",
            _tex_line(header),
            "\\midrule",
            *map(_tex_line, rows),
            "\\bottomrule",
            "\\end{tabular}",
        ]
        remarks = [f"({at}) {note}." for at, note in enumerate(_notes(found), start=1)]
        remarks += [f"Made with: {command}." for command in _commands(found)]
        lines += [f"\\par\\smallskip\\footnotesize {_tex(remark)}" for remark in remarks]
        lines += ["\\end{table}", ""]
    return "\n".join(lines)


FORMATS: dict[str, Callable[[Sequence[Mapping[str, Any]]], str]] = {
    "markdown": markdown,
    "csv": csv_text,
    "latex": latex,
}


def _introduction(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    sample = any(section["is_sample"] for run in runs for section in run["sections"].values())
    names = ", ".join(f"`{run['run']}`" for run in runs)
    title = f"# Results of run{'s' * (len(runs) > 1)} {names}" + (" on the generated sample" if sample else "")
    lines = [title, ""]
    for run in runs:
        for name, notebook in run["notebooks"].items():
            if notebook["status"] != "done":
                where = f" in cell {notebook['cell']}" if notebook.get("cell") is not None else ""
                of_run = f" of run `{run['run']}`" if len(runs) > 1 else ""
                error = notebook.get("error", "")
                lines += [f"**Not complete: notebook `{name}`{of_run} failed{where}: {error}**", ""]
    if sample:
        lines += [
            "The data of the lines marked *sample* were generated locally: they say how methods compare on it,"
            " and nothing about the real benchmarks. Published figures are on the real data, so no difference is"
            " taken from them.",
            "",
        ]
    return lines


def _tables(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    lines: list[str] = []
    for benchmark, found in _by_benchmark(_all_entries(runs)).items():
        cells = _cells(found, several=len(runs) > 1)
        widths = [max(map(len, column)) for column in zip(*cells)]
        lines += [f"## {benchmark}", "", _line(cells[0], widths), _line(["-" * width for width in widths], widths)]
        lines += [_line(line, widths) for line in cells[1:]] + [""]
        notes = _notes(found)
        lines += [f"{at}. {note}" for at, note in enumerate(notes, start=1)] + [""] * bool(notes)
        commands = _commands(found)
        lines += [
            f"Command{'s' * (len(commands) > 1)}: {', '.join(f'`{command}`' for command in commands)}",
            "",
        ] * bool(commands)
    return lines


def _makings(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for run in runs:
        for name, section in run["sections"].items():
            made = section["environment"]
            versions = ", ".join(f"{package} {version}" for package, version in made["versions"].items())
            of_run = f"`{run['run']}` " if len(runs) > 1 else ""
            lines.append(
                f"- {of_run}`{name}`: profile `{section['config']['name']}`, seed {section['seed']},"
                f" {section['seconds']:.0f} s on {made['device']} with {made['threads']} threads,"
                f" finished {section['finished']}, commit {made['commit']}; {versions}"
            )
    return lines


def _cells(found: Sequence[Entry], *, several: bool) -> list[tuple[str, ...]]:
    """Header and lines of one table, without the columns that say nothing in any line."""
    digits = max((_digits(entry.published) for entry in found if entry.published is not None), default=1)
    notes = {note: str(at) for at, note in enumerate(_notes(found), start=1)}

    def percent(value: float | None, sign: str = "") -> str:
        return "" if value is None else f"{100 * value:{sign}.{digits}f}"

    columns: dict[str, Callable[[Entry], str]] = {
        "data": lambda entry: entry.data,
        "run": lambda entry: entry.run if several and entry.data != PUBLISHED else "",
        "method": lambda entry: entry.method,
        "metric": lambda entry: entry.metric,
        "published": lambda entry: percent(entry.published),
        "here": lambda entry: (
            percent(entry.here) + (f" ± {percent(entry.spread)}" if entry.spread is not None else "")
        ),
        "difference": lambda entry: _difference(entry, percent),
        "95 % interval": lambda entry: "" if entry.low is None else f"{percent(entry.low)} to {percent(entry.high)}",
        "n": lambda entry: "" if entry.n is None else str(entry.n),
        "excluded": lambda entry: "" if entry.excluded is None else str(entry.excluded),
        "thread graph": lambda entry: entry.thread_graph,
        "seed": lambda entry: entry.seed,
        "note": lambda entry: notes.get(entry.note, ""),
    }
    table = [(name, *map(cell, found)) for name, cell in columns.items()]
    return list(zip(*[column for column in table if any(column[1:])]))


def _difference(entry: Entry, percent: Callable[..., str]) -> str:
    if entry.difference is not None:
        return percent(entry.difference, "+")
    return "none: sample" if entry.data == SAMPLE and entry.comparable else ""


def _digits(fraction: float) -> int:
    """Decimals that a published percentage was given with: 91.6 has one, 12.65 two."""
    return 1 if f"{100 * fraction:.2f}".endswith("0") else 2


def _all_entries(runs: Sequence[Mapping[str, Any]]) -> list[Entry]:
    """The lines of all runs; what several runs quote alike stands there once."""
    found: list[Entry] = []
    quoted: set[tuple[str, str, str]] = set()
    for entry in (entry for run in runs for entry in entries(run)):
        key = (entry.benchmark, entry.method, entry.metric)
        if entry.data == PUBLISHED:
            if key in quoted:
                continue
            quoted.add(key)
        found.append(entry)
    return found


def _by_benchmark(found: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Lines by table, what was measured above what is quoted."""
    grouped: dict[str, list[Entry]] = {}
    for entry in sorted(found, key=lambda entry: entry.data == PUBLISHED):
        grouped.setdefault(entry.benchmark, []).append(entry)
    return grouped


def _notes(found: Sequence[Entry]) -> list[str]:
    """The remarks of a table, each once; the note column has their numbers."""
    return list(dict.fromkeys(entry.note for entry in found if entry.note))


def _commands(found: Sequence[Entry]) -> list[str]:
    return list(dict.fromkeys(entry.command for entry in found if entry.command))


def _caption(benchmark: str, found: Sequence[Entry]) -> str:
    sample = any(entry.data == SAMPLE for entry in found)
    return f"{benchmark}, in percent" + (", on the generated sample" if sample else "")


def _seeds(own: Any, of_section: int) -> str:
    if isinstance(own, Sequence):
        return ", ".join(map(str, own))
    return str(of_section if own is None else own)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    escaped = (cell.replace("|", "\\|").ljust(width) for cell, width in zip(cells, widths))
    return f"| {' | '.join(escaped)} |"


def _tex_line(cells: Sequence[str]) -> str:
    return f"{' & '.join(map(_tex, cells))} \\\\"


_TEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$",
    "<": r"$<$", ">": r"$>$", "|": r"$|$", "'": r"\textquotesingle{}", '"': r"\textquotedbl{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}  # fmt: skip


def _tex(text: str) -> str:
    """Text with every character that TeX reads as a command, or as a ligature, made plain."""
    escaped = "".join(_TEX.get(character, character) for character in text).replace("--", "-{}-")
    return f"$-${escaped[1:]}" if re.match(r"-\d", escaped) else escaped
