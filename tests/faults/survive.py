"""``python -m tests.faults.survive [COMMAND ...]``: what each command makes of faults and kills, and the figures.

For each fault: the command ends with its exit status and in a line, never in a traceback; no half file stands under
a final name; and the same command afterwards ends well, with the files of a run without any fault. Kills come at
random moments. Exit status 1 where anything else was seen.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hiero_lib.base.errors import DataError
from hiero_lib.base.kept import read_kept
from tests.faults.commands import COMMANDS, FILES, Command
from tests.faults.harness import ERRORS, Ended, Fault, copy_of, files_of, left_over, run
from tests.helpers.file_server import serve


def main() -> int:
    """Try the commands; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.survive", description=__doc__)
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=f"of {' '.join(COMMANDS)} (default: all)")
    parser.add_argument(
        "--calls", type=int, default=6, help="failing calls a command; 0: kills alone (default: %(default)s)"
    )
    parser.add_argument("--kills", type=int, default=5, help="kills a command (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the calls and moments (default: %(default)s)")
    options = parser.parse_args()
    bad = 0
    for name in options.commands or COMMANDS:
        bad += survive(name, calls=options.calls, kills=options.kills, seed=options.seed)
    return 1 if bad else 0


def survive(name: str, *, calls: int, kills: int, seed: int) -> int:
    """Try one command; how many faults it did not survive."""
    command = COMMANDS[name]
    import torch

    from hiero_lib.__main__ import main as hiero

    torch.set_num_threads(1)  # a child that is forked has no threads to wait for
    random, bad, tried = np.random.default_rng(seed), 0, {"calls": 0, "writes": 0, "kills": 0}
    with tempfile.TemporaryDirectory() as scratch, serve() as server:
        server.files |= FILES
        template = Path(scratch) / "template"
        template.mkdir()
        command.prepare(template, server.base)
        with copy_of(template, Path(scratch) / "whole") as folder:
            whole = run(lambda: hiero(command.arguments), folder)
            expected = files_of(folder)
            stays = left_over(folder)
        if whole.status:
            print(f"{name}: fails without any fault ({whole.status}): {whole.said[-400:]}")
            return 1
        for kind, fault in _faults(whole, calls=calls, kills=kills, random=random):
            tried[kind] += 1
            for problem in _one(command, fault, template, Path(scratch) / "tried", hiero, expected, stays):
                print(f"{name}: {fault}: {problem}", flush=True)
                bad += 1
    print(
        f"{name}: {whole.calls} calls that write, {tried['calls']} of them failed; {tried['writes']} limits on the "
        f"size of files and their number; {tried['kills']} kills within {whole.seconds:.1f} s; {bad} not survived",
        flush=True,
    )
    return bad


def _faults(whole: Ended, *, calls: int, kills: int, random: np.random.Generator) -> Iterator[tuple[str, Fault]]:
    numbers = np.unique(np.linspace(1, whole.calls, min(calls, whole.calls)).round().astype(int))
    if 0 < calls < whole.calls:  # not always the same ones
        numbers = np.unique([1, *random.choice(whole.calls, size=calls - 1, replace=False) + 1])
    for at, number in enumerate(numbers.tolist()):
        yield "calls", Fault(call=number, error=ERRORS[at % len(ERRORS)])
    for size in (100, 3000) if calls else ():
        yield "writes", Fault(file_bytes=size)
    if calls:
        yield "writes", Fault(open_files=12)
    for share in random.random(kills).tolist():
        yield "kills", Fault(kill_after_s=share * whole.seconds)


def _one(
    command: Command, fault: Fault, template: Path, place: Path, hiero, expected: dict[str, bytes], stays: list[str]
) -> Iterator[str]:
    """What is wrong after one fault, in sentences."""
    with copy_of(template, place) as folder:
        ended = run(lambda: hiero(command.arguments), folder, fault)
        if "Traceback" in ended.said:
            yield f"a traceback: {ended.said[-1500:]}"
        elif fault.kill_after_s is None and ended.status not in (0, 1, 2):
            yield f"exit status {ended.status}: {ended.said[-300:]}"
        elif ended.status in (1, 2) and not ended.said.strip():
            yield "nothing is said"
        yield from _half_files(command, files_of(folder), expected, whole=ended.status == 0)
        if fault.kill_after_s is not None:
            time.sleep(1.0)  # in which the processes that it started end as well
        again = run(lambda: hiero(command.arguments), folder)
        if again.status:
            yield f"the same command afterwards ends with {again.status}: {again.said[-1500:]}"
            return
        found = files_of(folder)
        yield from _half_files(command, found, expected, whole=True)
        extra = {name for name in left_over(folder) if not name.endswith(".lock")} - set(
            stays
        )  # a dead one's is void
        if fault.kill_after_s is None and extra:
            yield f"left over: {sorted(extra)}"


def _half_files(
    command: Command, found: dict[str, bytes], expected: dict[str, bytes], *, whole: bool
) -> Iterator[str]:
    for name, content in found.items():
        if not whole and any(re.search(pattern, name) for pattern in command.replaced):
            continue
        if command.same(name) and name in expected and not _alike(name, content, expected[name]):
            yield f"{name} is not what it should be ({len(content)} bytes, not {len(expected[name])})"
        elif command.same(name) and name not in expected:
            yield f"{name} should not be there"
        elif name.endswith(".json"):
            try:
                json.loads(content)
            except ValueError:
                yield f"{name} is half a file"
    if whole:
        for name in sorted(name for name in expected.keys() - found.keys() if command.same(name)):
            yield f"{name} is missing"


def _alike(name: str, one: bytes, other: bytes) -> bool:
    """Equal; of search's float16 vectors, nearly.

    After one kill of about 60 three tables differed from an undisturbed run's; it was not seen again in 14 kills
    that looked for it, so why is not known (rounding that hangs on where an array lies in memory is a guess). Spans,
    threads and names must be equal.
    """
    if one == other or not re.search(r"/search/.*safetensors$", name):
        return one == other
    with tempfile.TemporaryDirectory() as folder:
        read = []
        for number, content in enumerate((one, other)):
            (Path(folder) / str(number)).write_bytes(content)
            try:
                read.append(read_kept(Path(folder) / str(number)))
            except DataError:
                return False
    (arrays, about), (theirs, their_about) = read
    near = np.allclose(arrays.pop("vectors"), theirs.pop("vectors"), atol=2e-3)
    return near and about == their_about and all(np.array_equal(arrays[key], theirs[key]) for key in theirs)


if __name__ == "__main__":
    sys.exit(main())
