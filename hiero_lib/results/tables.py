"""The results of runs as one table: markdown for people, CSV for programs, LaTeX for papers.

Input are the dictionaries of ``results.json``. Every table of the paper is a table here: what was published beside
what the run has, with n, what was excluded, the data, the thread graph, the seed and the command. A difference is
taken only from the published figure of the same method on the same features, and never on the sample.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hiero_lib.base.cells import csv_cell, markdown_code, markdown_text
from hiero_lib.results.entries import PUBLISHED, SAMPLE, Entry, all_entries, by_benchmark
from hiero_lib.results.headlines import short_table
from hiero_lib.results.words import words_of_columns, words_of_names

_MANY_METRICS = 3


def markdown(runs: Sequence[Mapping[str, Any]]) -> str:
    """The table for people, one part per table of the paper; a column names the run where there are several."""
    return "\n".join([*_introduction(runs), *_in_short(runs), *_tables(runs), *_makings(runs)]).rstrip() + "\n"


def csv_text(runs: Sequence[Mapping[str, Any]]) -> str:
    """Tidy: one line per value, fractions unrounded, nothing where there is nothing.

    A text that a spreadsheet would run has an apostrophe in front (`hiero_lib.base.cells`).
    """
    columns = [
        "run", "section", "benchmark", "method", "metric", "data", "published", "here", "difference", "spread",
        "low", "high", "n", "excluded", "thread_graph", "segment_times", "seed", "command",
        "note",
    ]  # fmt: skip
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for entry in all_entries(runs):
        values = [getattr(entry, column) for column in columns]
        writer.writerow(["" if value is None else csv_cell(value) for value in values])
    return stream.getvalue()


def latex(runs: Sequence[Mapping[str, Any]]) -> str:
    """The same for a document with the packages booktabs and longtable: first methods against measures, then all."""
    lines = ["% needs \\usepackage{booktabs,longtable}"]
    several = len(runs) > 1
    for benchmark, entries in by_benchmark(all_entries(runs)).items():
        caption = _tex(_caption(benchmark, entries))
        if overview := _overview(entries, several=several):
            columns, *rows = _tex_table(overview)
            lines += ["\\begin{table}", "\\centering\\footnotesize", f"\\caption{{{caption}}}"]
            lines += [f"\\begin{{tabular}}{{{columns}}}", *rows, "\\bottomrule", "\\end{tabular}", "\\end{table}", ""]
        columns, top, header, middle, *rows = _tex_table(_cells(entries, several=several, quoted=not overview))
        lines += ["{\\footnotesize\\setlength{\\tabcolsep}{3pt}", f"\\begin{{longtable}}{{{columns}}}"]
        lines += [f"\\caption{{{caption}}}\\\\", top, header, middle, "\\endhead", *rows]
        lines += ["\\bottomrule", "\\end{longtable}"]
        remarks = [f"({at}) {note}." for at, note in enumerate(_notes(entries), start=1)]
        remarks += [f"{meaning}." for meaning in (*words_of_names(entries), *words_of_columns(entries))]
        remarks += [f"Made with: {command}." for command in _commands(entries)]
        lines += [f"\\noindent {_tex(remark)}\\par" for remark in remarks] + ["}", ""]
    return "\n".join(lines)


FORMATS: dict[str, Callable[[Sequence[Mapping[str, Any]]], str]] = {
    "markdown": markdown,
    "csv": csv_text,
    "latex": latex,
}


def _introduction(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    sample = any(section["is_sample"] for run in runs for section in run["sections"].values())
    names = ", ".join(markdown_code(run["run"]) for run in runs)
    title = f"# Results of run{'s' * (len(runs) > 1)} {names}" + (" on the generated sample" if sample else "")
    lines = [title, ""]
    for run in runs:
        for name, notebook in run["notebooks"].items():
            if notebook["status"] != "done":
                where = f" in cell {notebook['cell']}" if notebook.get("cell") is not None else ""
                of_run = f" of run {markdown_code(run['run'])}" if len(runs) > 1 else ""
                failed = f"notebook {markdown_code(name)}{of_run} failed{where}"
                lines += [f"**Not complete: {failed}: {markdown_text(str(notebook.get('error', '')))}**", ""]
    if sample:
        lines += [
            "The data of the lines marked *sample* were generated locally: they say how methods compare on it,"
            " and nothing about the real benchmarks. Published figures are on the real data, so no difference is"
            " taken from them.",
            "",
        ]
    return lines


def _in_short(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The main measures of one run that has several."""
    cells = short_table(runs[0]) if len(runs) == 1 else []
    return ["## In short", "", *_markdown_table(cells), ""] if len(cells) > _MANY_METRICS else []


def _tables(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    lines: list[str] = []
    for benchmark, entries in by_benchmark(all_entries(runs)).items():
        several = len(runs) > 1
        overview = _overview(entries, several=several)
        lines += [f"## {markdown_text(benchmark)}", "", *([*_markdown_table(overview), ""] if overview else [])]
        lines += _explained(words_of_names(entries)) * bool(overview)
        cells = _cells(entries, several=several, quoted=not overview)
        folded = bool(overview and cells)  # no cells: there are only quoted values, and the overview has them
        lines += ["<details><summary>Every value with its interval, n and making</summary>", ""] * folded
        lines += [*_markdown_table(cells), ""] if cells else []
        lines += _explained([*(words_of_names(entries) if not overview else []), *words_of_columns(entries)])
        lines += ["</details>", ""] * folded
        notes = _notes(entries)
        lines += [f"{at}. {markdown_text(note)}" for at, note in enumerate(notes, start=1)] + [""] * bool(notes)
        commands = _commands(entries)
        lines += [
            f"Command{'s' * (len(commands) > 1)}: {', '.join(map(markdown_code, commands))}",
            "",
        ] * bool(commands)
    return lines


def _explained(meanings: Sequence[str]) -> list[str]:
    return [*(f"- {markdown_text(meaning)}" for meaning in meanings), *[""] * bool(meanings)]


def _overview(entries: Sequence[Entry], *, several: bool) -> list[tuple[str, ...]]:
    """Methods down and measures across, as papers have it; nothing where the lines of all values are few enough."""
    metrics = list(dict.fromkeys(entry.metric for entry in entries))
    if len(metrics) < _MANY_METRICS:
        return []
    percent, notes = _percent_of(entries), _notes(entries)
    rows: dict[tuple[str, str, str], dict[str, str]] = {}
    marks: dict[tuple[str, str, str], list[str]] = {}
    for entry in entries:
        row = entry.data, entry.run if several and entry.data != PUBLISHED else "", entry.method
        rows.setdefault(row, {})[entry.metric] = _value(entry, percent)
        mark = str(notes.index(entry.note) + 1) if entry.note else ""
        if mark and mark not in marks.setdefault(row, []):
            marks[row].append(mark)
    cells = [("data", "run", "method", *metrics, "note")]
    for row, values in rows.items():
        cells.append(
            (*row, *(values.get(metric, "") for metric in metrics), ", ".join(sorted(marks.get(row, []), key=int)))
        )
    return _without_empty_columns(cells)


def _makings(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """How every section was made, how long the notebooks took, and with which versions."""
    lines, versions = [], []
    for run in runs:
        of_run = f"{markdown_code(run['run'])} " if len(runs) > 1 else ""
        for name, section in run["sections"].items():
            made = section["environment"]
            missing = section.get("extra", {}).get("missing")
            absent = f", no data: there is no {', '.join(missing)}" if missing else ""
            how = (
                f"seed {section['seed']}, {section['seconds']:.0f} s on {made['device']}"
                f" with {made['threads']} threads, finished {section['finished']}, commit {made['commit']}{absent}"
            )
            profile = markdown_code(section["config"]["name"])
            lines.append(f"- {of_run}{markdown_code(name)}: profile {profile}, {markdown_text(how)}")
            versions.append(", ".join(f"{package} {version}" for package, version in made["versions"].items()))
        outcomes = [
            f"{markdown_code(name)} {markdown_text(_outcome(notebook))}"
            for name, notebook in run["notebooks"].items()
        ]
        lines += [f"- {of_run}notebooks: {', '.join(outcomes)}"] * bool(outcomes)
    return lines + [f"- {markdown_text(packages)}" for packages in dict.fromkeys(versions)]


def _outcome(notebook: Mapping[str, Any]) -> str:
    seconds = f" {notebook['seconds']:.0f} s" if "seconds" in notebook else ""
    return f"{notebook['status']}{' in' if seconds else ''}{seconds}"


def _cells(entries: Sequence[Entry], *, several: bool, quoted: bool) -> list[tuple[str, ...]]:
    """Header and lines of one table, without the columns that say nothing in any line.

    ``quoted``: with the lines that only quote, which an overview has already.
    """
    notes = {note: str(at) for at, note in enumerate(_notes(entries), start=1)}
    percent = _percent_of(entries)
    columns: dict[str, Callable[[Entry], str]] = {
        "data": lambda entry: entry.data,
        "run": lambda entry: entry.run if several and entry.data != PUBLISHED else "",
        "method": lambda entry: entry.method,
        "metric": lambda entry: entry.metric,
        "published": lambda entry: percent(entry.published),
        "here": lambda entry: "" if entry.data == PUBLISHED else _value(entry, percent),
        "difference": lambda entry: _difference(entry, percent),
        "95 % interval": lambda entry: "" if entry.low is None else f"{percent(entry.low)} to {percent(entry.high)}",
        "n": lambda entry: "" if entry.n is None else str(entry.n),
        "excluded": lambda entry: "" if entry.excluded is None else str(entry.excluded),
        "thread graph": lambda entry: entry.thread_graph,
        "segment times": lambda entry: entry.segment_times,
        "seed": lambda entry: entry.seed,
        "note": lambda entry: notes.get(entry.note, ""),
    }
    lines = [entry for entry in entries if quoted or entry.data != PUBLISHED]
    return _without_empty_columns(list(zip(*((name, *map(cell, lines)) for name, cell in columns.items()))))


def _without_empty_columns(cells: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    return list(zip(*(column for column in zip(*cells) if any(column[1:]))))


def _percent_of(entries: Sequence[Entry]) -> Callable[..., str]:
    """Writes fractions of a table as percentages, with as many decimals as its published ones have."""
    digits = max((_digits(entry.published) for entry in entries if entry.published is not None), default=1)

    def percent(value: float | None, sign: str = "") -> str:
        return "" if value is None else f"{100 * value:{sign}z.{digits}f}"

    return percent


def _value(entry: Entry, percent: Callable[..., str]) -> str:
    """What the run has, with its spread; in a quoted line what was published."""
    if entry.data == PUBLISHED:
        return percent(entry.published)
    return percent(entry.here) + (f" ± {percent(entry.spread)}" if entry.spread is not None else "")


def _difference(entry: Entry, percent: Callable[..., str]) -> str:
    if entry.difference is not None:
        return percent(entry.difference, "+")
    return "none: sample" if entry.data == SAMPLE and entry.comparable else ""


def _digits(fraction: float) -> int:
    """Decimals that a published percentage was given with: 91.6 has one, 12.65 two."""
    return 1 if f"{100 * fraction:.2f}".endswith("0") else 2


def _notes(entries: Sequence[Entry]) -> list[str]:
    """The remarks of a table, each once; the note column has their numbers."""
    return list(dict.fromkeys(entry.note for entry in entries if entry.note))


def _commands(entries: Sequence[Entry]) -> list[str]:
    return list(dict.fromkeys(entry.command for entry in entries if entry.command))


def _caption(benchmark: str, entries: Sequence[Entry]) -> str:
    sample = any(entry.data == SAMPLE for entry in entries)
    return f"{benchmark}, in percent" + (", on the generated sample" if sample else "")


def _markdown_table(cells: Sequence[Sequence[str]]) -> list[str]:
    cells = [[markdown_text(cell) for cell in line] for line in cells]
    widths = [max(map(len, column)) for column in zip(*cells)]
    header, *rows = (_line(line, widths) for line in cells)
    return [header, _line(["-" * width for width in widths], widths), *rows]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return f"| {' | '.join(cell.ljust(width) for cell, width in zip(cells, widths))} |"


def _tex_table(cells: Sequence[Sequence[str]]) -> list[str]:
    """Alignment of the columns, then rule, header, rule and rows."""
    header, *rows = cells
    words = {"data", "run", "method", "metric", "95 % interval", "thread graph", "seed", "note"}
    columns = "".join("l" if name in words else "r" for name in header)
    return [columns, "\\toprule", _tex_line(header), "\\midrule", *map(_tex_line, rows)]


def _tex_line(cells: Sequence[str]) -> str:
    return f"{' & '.join(map(_tex, cells))} \\\\"


_TEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$",
    "<": r"$<$", ">": r"$>$", "|": r"$|$", "'": r"\textquotesingle{}", '"': "''",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}  # fmt: skip


def _tex(text: str) -> str:
    """Text with every character that TeX reads as a command, or as a ligature, made plain."""
    escaped = "".join(_TEX.get(character, character) for character in text).replace("--", "-{}-")
    return f"$-${escaped[1:]}" if re.match(r"-\d", escaped) else escaped
