"""A SLURM of plain files, for tests where there is none: its commands on the PATH, each a few lines of Python.

``sbatch`` runs its script at once in the background. In the folder of its state ``hold`` keeps jobs pending,
``refuse`` is what it says instead, ``interrupt`` has it send Ctrl-C to its caller, ``silent`` makes ``squeue`` fail,
``hosts`` and ``address`` are what ``scontrol`` says, and ``ID.state`` is a job's state, which a test may change.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

PROGRAMS = ("sbatch", "srun", "squeue", "sinfo", "sacct", "scontrol")


def install(folder: Path) -> Path:
    """Write the commands to ``folder/bin``, which is to be put on the PATH; the folder of the state."""
    state, programs = folder / "state", folder / "bin"
    state.mkdir(parents=True)
    programs.mkdir()
    for name in PROGRAMS:
        words = shlex.join([sys.executable, "-S", str(Path(__file__).resolve()), name, str(state)])
        (programs / name).write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        (programs / name).chmod(0o755)
    return state


def _sbatch(state: Path, words: list[str]) -> int:
    if (state / "refuse").is_file():
        print((state / "refuse").read_text(), file=sys.stderr)
        return 1
    if (state / "interrupt").exists():
        os.kill(os.getppid(), signal.SIGINT)
    number = 1 + len(list(state.glob("*.sh")))
    script = state / f"{number}.sh"
    script.write_bytes(Path(words[-1]).read_bytes())
    (state / f"{number}.state").write_text("PENDING|Resources|0:00|")
    if not (state / "hold").exists():
        command = [sys.executable, "-S", __file__, "run", str(state), str(number)]
        subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(f"Submitted batch job {number}")
    return 0


def _run(state: Path, words: list[str]) -> int:
    number = words[0]
    (state / f"{number}.state").write_text("RUNNING|None|0:01|n1")
    found = {"SLURM_JOB_ID": number, "SLURM_NTASKS": "1", "SLURM_JOB_NUM_NODES": "1", "SLURM_JOB_NODELIST": "n1"}
    done = subprocess.run(["bash", str(state / f"{number}.sh")], env=os.environ | found)
    (state / f"{number}.state").write_text(f"{'FAILED' if done.returncode else 'COMPLETED'}|None|0:02|n1")
    return 0


def _srun(state: Path, words: list[str]) -> int:
    output = None
    while words and words[0].startswith("--"):
        option = words.pop(0)
        if option == "--output":
            output = words.pop(0).replace("%j", os.environ["SLURM_JOB_ID"]).replace("%t", "0")
    tasks = {"SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_STEP_NUM_TASKS": "1"}
    with open(output or os.devnull, "ab") as stream:
        return subprocess.run(words, stdout=stream, stderr=stream, env=os.environ | tasks).returncode


def _squeue(state: Path, words: list[str]) -> int:
    if (state / "silent").exists():
        print("slurm_load_jobs error: Unable to contact slurm controller (connect failure)", file=sys.stderr)
        return 1
    asked = next(word for word in words if word.startswith("--jobs=")).removeprefix("--jobs=").split(",")
    known = [number for number in asked if (state / f"{number}.state").is_file()]
    if not known and len(asked) == 1:
        print("slurm_load_jobs error: Invalid job id specified", file=sys.stderr)
        return 1
    for number in known:
        print(f"{number}|{(state / f'{number}.state').read_text()}")
    return 0


def _sinfo(state: Path, words: list[str]) -> int:
    print("main\ngpu")
    return 0


def _sacct(state: Path, words: list[str]) -> int:
    if (state / "sacct").is_file():
        print((state / "sacct").read_text(), end="")
        return 0
    print("Slurm accounting storage is disabled", file=sys.stderr)
    return 1


def _scontrol(state: Path, words: list[str]) -> int:
    if words[:2] == ["show", "hostnames"] and (state / "hosts").is_file():
        print((state / "hosts").read_text(), end="")
        return 0
    if words[:3] == ["--oneliner", "show", "node"] and (state / "address").is_file():
        print(f"NodeName={words[3]} NodeAddr={(state / 'address').read_text()} Port=1")
        return 0
    if words[:3] == ["--oneliner", "show", "job"] and (state / "job").is_file():
        print((state / "job").read_text())
        return 0
    print(f"scontrol error: {' '.join(words)}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    name, folder, *arguments = sys.argv[1:]
    sys.exit(globals()[f"_{name}"](Path(folder), arguments))
