"""What happens in a video: beats (one action each) under their step, thread and procedure, drawn from the grammar."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from hiero_lib.benchmarks.thread_recovery.files import LEVELS, Level
from hiero_lib.sources.sample.grammar import Action, Procedure, Step, Thread

_ACTION_S = (2.0, 15.0)  # shortest and longest action
_BESIDE_SHARE = 0.22  # of a video's time goes to threads that belong to no procedure


class Beat(NamedTuple):
    """One action in time and what it serves; "" where nothing is known (real timelines) or nothing applies."""

    start_s: float
    end_s: float
    text: str
    verb: str = ""
    noun: str = ""
    step: str = ""
    thread: str = ""
    procedure: str = ""  # "" for what goes on beside the procedures
    keystep: int = 0  # 1..K within the procedure; 0: none

    @property
    def action_key(self) -> tuple[str, str]:
        """What tells two actions apart: verb and noun where they are known, else the text."""
        return (self.verb, self.noun) if self.verb else (self.text, "")

    def key(self, level: Level) -> tuple[str, ...] | None:
        """Identity of the beat's label at a level, the same in every video; None where it has none."""
        if level == "action":
            return (self.text,)
        parts = (self.procedure, self.thread, self.step)[: 3 - LEVELS.index(level) + 1]
        return parts if parts[-1] else None


class Span(NamedTuple):
    """A stretch of a video with one label; ``beat`` is its first beat."""

    start_s: float
    end_s: float
    key: tuple[str, ...]
    beat: Beat


@dataclass(frozen=True)
class Story:
    """A video's latent hierarchy. The grammar's beats tile ``[0, duration_s]``; real ones have gaps and overlaps."""

    video_uid: str
    scenario: str
    duration_s: float
    beats: tuple[Beat, ...]  # by start
    egoprocel: str = ""  # "<dataset>/<task>"

    def spans(self, level: Level) -> list[Span]:
        """Runs of equal label in time order; an action is a run of its own."""
        spans: list[Span] = []
        for beat in self.beats:
            key = beat.key(level)
            if key is None:
                continue
            last = spans[-1] if spans and level != "action" else None
            if last is not None and last.key == key and beat.start_s <= last.end_s + 1e-6:
                spans[-1] = last._replace(end_s=max(last.end_s, beat.end_s))
            else:
                spans.append(Span(beat.start_s, beat.end_s, key, beat))
        return spans


@dataclass
class _Planned:
    """A step that is to be done, with the seconds it still needs."""

    procedure: Procedure
    thread: Thread
    step: Step
    left_s: float
    cursor: int = field(default=0)  # next of the step's own actions


def sample_story(
    rng: np.random.Generator,
    *,
    video_uid: str,
    procedures: Sequence[Procedure],
    beside: Sequence[Thread],
    duration_s: float,
) -> Story:
    """Draw a video of about ``duration_s`` seconds in which ``procedures`` are carried out.

    One thread is worked on for a while, then another one that can go on; the first is taken up again later, in the
    middle of a step if need be. Threads of different procedures, and those of ``beside``, interleave.
    """
    plan = _plan(rng, procedures, duration_s * (1 - _BESIDE_SHARE))
    visit_s = min(45.0, max(9.0, duration_s / 14))
    beats: list[Beat] = []
    now, beside_s = 0.0, 0.0
    current: Thread | None = None
    while plan:
        if beside and current is not None and beside_s < _BESIDE_SHARE * now and rng.random() < 0.6:
            thread = beside[int(rng.integers(len(beside)))]
            step = thread.steps[int(rng.integers(len(thread.steps)))]
            length = _log_normal(rng, 0.7 * visit_s, 0.4)
            new = list(_perform(rng, _Planned(procedures[0], thread, step, length), now, length, procedure=None))
            beside_s += new[-1].end_s - now
            current = thread
        else:
            ready = _ready(plan)
            choice = [p for p in ready if p.thread is not current] or ready
            thread = choice[rng.integers(len(choice))].thread
            length, new = _log_normal(rng, visit_s, 0.5), []
            start = now
            while (
                next_up := next((p for p in _ready(plan) if p.thread is thread), None)
            ) is not None and now - start < length:
                new += _perform(rng, next_up, now, length - (now - start), procedure=next_up.procedure)
                now = new[-1].end_s
                if next_up.left_s <= 0:
                    plan.remove(next_up)
            current = thread
        beats += new
        now = beats[-1].end_s
    egoprocel = procedures[0].egoprocel if len(procedures) == 1 else ""
    return Story(video_uid, procedures[0].scenario, now, tuple(beats), egoprocel)


def _plan(rng: np.random.Generator, procedures: Iterable[Procedure], total_s: float) -> list[_Planned]:
    """Steps to do, in an order that keeps each thread's own; optional ones may be left out, some come again."""
    plan: list[_Planned] = []
    for procedure in procedures:
        for thread in procedure.threads:
            line: list[Step] = []
            for step in thread.steps:
                if not step.optional or rng.random() < 0.7:
                    line.append(step)
            for step in [s for s in line if s.repeatable and rng.random() < 0.6]:
                line.insert(int(rng.integers(line.index(step) + 1, len(line) + 1)), step)
            plan += [_Planned(procedure, thread, step, _log_normal(rng, 1.0, 0.5)) for step in line]
    scale = total_s / sum(p.left_s for p in plan)
    for planned in plan:
        planned.left_s *= scale
    return plan


def _ready(plan: Sequence[_Planned]) -> list[_Planned]:
    """The next step of each thread, unless it waits for an earlier step of its procedure."""
    firsts: dict[tuple[str, str], _Planned] = {}
    for planned in plan:
        firsts.setdefault((planned.procedure.text, planned.thread.text), planned)
    ready = []
    for planned in firsts.values():
        order = planned.procedure.steps.index(planned.step)
        earlier = (p for p in plan if p.procedure is planned.procedure and p.procedure.steps.index(p.step) < order)
        if not planned.step.waits or next(earlier, None) is None:
            ready.append(planned)
    # A repetition may stand behind a step that waits for it: then the earliest step goes first.
    return ready or sorted(firsts.values(), key=lambda p: p.procedure.steps.index(p.step))[:1]


def _perform(
    rng: np.random.Generator, planned: _Planned, start_s: float, length_s: float, *, procedure: Procedure | None
) -> Iterator[Beat]:
    """Beats of one step for about ``length_s`` seconds, or until the step is done; at least one beat."""
    now, last = start_s, ""
    while True:
        action = _next_action(rng, planned)
        if action.text == last:
            continue
        last = action.text
        length = float(np.clip(_log_normal(rng, 3.9, 0.5), *_ACTION_S))
        keystep = procedure.steps.index(planned.step) + 1 if procedure else 0
        yield Beat(
            now,
            now + length,
            action.text,
            action.verb,
            action.noun,
            planned.step.text,
            planned.thread.text,
            procedure.text if procedure else "",
            keystep,
        )
        now += length
        planned.left_s -= length
        if planned.left_s <= 0 or now - start_s >= length_s:
            return


def _next_action(rng: np.random.Generator, planned: _Planned) -> Action:
    """Mostly the step's own actions, roughly in turn; otherwise what hands do with any of its objects."""
    step = planned.step
    generic = step.generic_actions
    if generic and rng.random() < 0.3:
        return generic[rng.integers(len(generic))]
    if rng.random() < 0.35:
        planned.cursor = int(rng.integers(len(step.actions)))
    action = step.actions[planned.cursor % len(step.actions)]
    planned.cursor += 1
    return action


def _log_normal(rng: np.random.Generator, median: float, sigma: float) -> float:
    return median * math.exp(sigma * rng.standard_normal())
