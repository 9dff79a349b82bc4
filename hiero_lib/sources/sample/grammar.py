"""The grammar of the sample's activities: scenarios, procedures, threads, steps and actions.

Read from the text of ``procedures.py``; plain records, nothing random.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from hiero_lib.sources.sample import procedures

# What hands do with any object, whatever for: these actions are common to all threads that use the object.
GENERIC_VERBS = ("pick up", "put down", "move", "adjust")
_NOT_HANDLED_WORDS = """
basin batter cupboard drawer dust floor fridge hole knob line machine milk mirror oil oven powder rack room salt
sauce seed soup syrup table tap water weed
"""
_NOT_HANDLED = frozenset(_NOT_HANDLED_WORDS.split())


@dataclass(frozen=True)
class Action:
    """A verb and a noun, and where or with what (may be empty)."""

    verb: str
    noun: str
    complement: str = ""

    @property
    def text(self) -> str:
        """As an infinitive: ``cut the tomato with a knife``."""
        return " ".join(filter(None, (self.verb, "the", self.noun, self.complement)))


@dataclass(frozen=True)
class Step:
    """A key-step (or a step of what goes on beside a procedure) with the actions it is made of."""

    text: str
    actions: tuple[Action, ...]
    optional: bool = False
    repeatable: bool = False
    waits: bool = False  # for every step before it in the procedure

    @property
    def generic_actions(self) -> tuple[Action, ...]:
        """What hands do with the objects and tools of its actions."""
        tools = (a.complement.removeprefix("with a ") for a in self.actions if a.complement.startswith("with a "))
        nouns = dict.fromkeys((*(action.noun for action in self.actions), *tools))
        return tuple(Action(verb, noun) for noun in nouns if noun not in _NOT_HANDLED for verb in GENERIC_VERBS)


@dataclass(frozen=True)
class Thread:
    """A functional activity thread: steps that serve one purpose, done in this order."""

    text: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Procedure:
    """Threads that lead to one goal."""

    text: str
    scenario: str
    threads: tuple[Thread, ...]
    egoprocel: str = ""  # "<dataset>/<task>" whose files its held-out videos fill

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in the order of the text; a step's place here, from 1, is its key-step number."""
        return tuple(step for thread in self.threads for step in thread.steps)


@dataclass(frozen=True)
class Grammar:
    """Everything that can happen in the sample."""

    procedures: tuple[Procedure, ...]
    beside: tuple[tuple[Thread, tuple[str, ...]], ...]  # threads without a procedure, and the scenarios they occur in

    @property
    def scenarios(self) -> tuple[str, ...]:
        """Names in the order of the text."""
        return tuple(dict.fromkeys(p.scenario for p in self.procedures))

    @property
    def _threads(self) -> list[Thread]:
        return [t for p in self.procedures for t in p.threads] + [t for t, _ in self.beside]

    @property
    def _actions(self) -> list[Action]:
        steps = [step for thread in self._threads for step in thread.steps]
        return [a for step in steps for a in (*step.actions, *step.generic_actions)]

    @property
    def texts(self) -> list[str]:
        """Every text that it holds, each once, in alphabetical order."""
        names = {t.text for t in self._threads} | {s.text for t in self._threads for s in t.steps}
        return sorted({a.text for a in self._actions} | names | set(self.scenarios))

    @property
    def things(self) -> dict[str, list[str]]:
        """Noun -> the texts of all actions on it, each once, in alphabetical order."""
        of: dict[str, set[str]] = {}
        for action in self._actions:
            of.setdefault(action.noun, set()).add(action.text)
        return {noun: sorted(texts) for noun, texts in sorted(of.items())}

    def beside_of(self, scenario: str) -> tuple[Thread, ...]:
        """Threads that go on beside the procedures of a scenario."""
        return tuple(thread for thread, scenarios in self.beside if scenario in scenarios)


@cache
def grammar() -> Grammar:
    """The grammar of ``procedures.py``."""
    parsed: list[Procedure] = []
    for (name, scenario, egoprocel), lines in _blocks(procedures.PROCEDURES):
        threads: list[tuple[str, list[Step]]] = []
        for line in lines:
            if line.startswith("- "):
                threads[-1][1].append(_step(line))
            else:
                threads.append((line, []))
        parsed.append(Procedure(name, scenario, tuple(Thread(t, tuple(s)) for t, s in threads), egoprocel))
    beside = tuple(
        (Thread(name, tuple(_step(line) for line in lines)), tuple(scenarios.split()))
        for (name, scenarios), lines in _blocks(procedures.BESIDE)
    )
    return Grammar(tuple(parsed), beside)


def _blocks(text: str) -> Iterator[tuple[list[str], list[str]]]:
    for block in text.split("\n= ")[1:]:
        head, *lines = (line.strip() for line in block.splitlines() if line.strip())
        yield [part.strip() for part in head.split("|")], lines


def _step(line: str) -> Step:
    name, actions = (part.strip() for part in line.removeprefix("- ").split("|"))
    flags = {word for word in name.split() if word in ("?", "+", "!")}
    return Step(
        text=" ".join(word for word in name.split() if word not in flags),
        actions=tuple(Action(*action.strip().split("/")) for action in actions.split(";")),
        optional="?" in flags,
        repeatable="+" in flags,
        waits="!" in flags,
    )
