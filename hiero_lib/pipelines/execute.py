"""One notebook run by papermill, in the Python that runs us, with its output in a log."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from hiero_lib.base.errors import EndOfNotebook
from hiero_lib.results import record as results

REPOSITORY = Path(__file__).resolve().parents[2]


class NotebookFailed(RuntimeError):
    """A notebook of the sequence stopped: which, in which cell (its ``In [n]``), with which error."""

    def __init__(self, notebook: str, cell: int | None, source: str, error: str, kept: Path) -> None:
        self.notebook, self.cell, self.error = notebook, cell, error
        where = f" in cell In [{cell}] ({source})" if cell is not None else ""
        super().__init__(f"notebook {notebook} failed{where}: {error}\nThe half-executed notebook is kept: {kept}")


def execute(source: Path, parameters: dict[str, Any], run_folder: Path, *, log: Path, command: str) -> None:
    """Run one notebook with papermill; its output streams go to ``log`` as they come.

    The executed copy gets its name in the run's folder when it is written whole, a half-executed one too.

    Args:
        source: the notebook.
        parameters: its parameters.
        run_folder: receives the executed copy.
        log: receives what is printed.
        command: for which it works, as one types it.

    Raises:
        NotebookFailed: it stopped with an error, or its kernel died or did not start.
    """
    target = run_folder / source.name
    log.parent.mkdir(parents=True, exist_ok=True)
    holder = run_folder / ".running"  # the run is held: what stands there is of one that was killed
    shutil.rmtree(holder, ignore_errors=True)
    holder.mkdir(parents=True)
    temporary = holder / target.name
    try:
        _execute_into(temporary, source, parameters, log, command, kept=target)
    finally:
        if temporary.is_file():
            os.replace(temporary, target)
        shutil.rmtree(holder, ignore_errors=True)


def _execute_into(
    temporary: Path, source: Path, parameters: dict[str, Any], log: Path, command: str, *, kept: Path
) -> None:
    import papermill
    from nbclient.exceptions import DeadKernelError

    for attempt in (1, 2):
        with log.open("w", encoding="utf-8") as stream:
            try:
                papermill.execute_notebook(
                    str(source),
                    str(temporary),
                    parameters=parameters,
                    kernel_manager_class=_this_interpreter(command),
                    progress_bar=False,
                    stdout_file=stream,
                    stderr_file=stream,
                    cwd=str(REPOSITORY),
                )
                return
            except papermill.PapermillExecutionError as error:
                if error.ename == EndOfNotebook.__name__:  # no failure: its markers go
                    ended = papermill.iorw.load_notebook_node(str(temporary))
                    papermill.iorw.write_ipynb(papermill.execute.remove_error_markers(ended), str(temporary))
                    return
                first_line = error.source.strip().splitlines()[0] if error.source.strip() else ""
                message = f"{error.ename}: {error.evalue}"
                raise NotebookFailed(source.stem, error.exec_count, first_line, message, kept) from error
            except DeadKernelError as error:
                message = "the kernel died (out of memory?)"
                raise NotebookFailed(source.stem, None, "", message, kept) from error
            except RuntimeError as error:  # the kernel did not start: notebooks race for ports, so try once more
                if attempt == 2:
                    message = f"the kernel did not start: {error}"
                    raise NotebookFailed(source.stem, None, "", message, kept) from error


def _this_interpreter(command: str) -> type:
    """A kernel manager that starts the Python that runs us, whatever kernels are (or are not) installed.

    Its kernels know the ``command`` that they work for, so that it stands beside what they record.
    """
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    class ThisInterpreter(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            spec = get_kernel_dict()
            spec["argv"] += ["--log-level=CRITICAL"]  # its talk about sockets would land between our lines
            return KernelSpec(**spec, env={results.COMMAND_VARIABLE: command})

    return ThisInterpreter
