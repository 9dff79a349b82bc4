"""The text of the procedures: fit for the grammar, and tasks that EgoProceL has."""

from hiero_lib.sources.sample.annotations import egoprocel_task
from hiero_lib.sources.sample.grammar import grammar


def test_tasks_of_egoprocel_are_its_own_and_have_enough_key_steps():
    named = [p for p in grammar().procedures if p.egoprocel]
    assert len(named) >= 3
    for procedure in named:
        task = egoprocel_task(procedure.egoprocel)
        assert task is not None
        assert len(procedure.steps) <= task.n_keysteps


def test_what_goes_on_beside_belongs_to_scenarios_that_there_are():
    assert grammar().beside
    for thread, scenarios in grammar().beside:
        assert scenarios
        assert set(scenarios) <= set(grammar().scenarios)
        assert all(step.actions for step in thread.steps)


def test_words_are_plain():
    """Texts become file contents, questions and sentences: no marks of the layout are left in them."""
    for text in grammar().texts:
        assert text == text.strip().lower()
        assert not set(text) & set("|/;=+!?\\\n")
        assert "  " not in text


def test_objects_are_shared_between_procedures():
    """So that the context alone tells what a knife is picked up for."""
    nouns = [{a.noun for step in p.steps for a in step.actions} for p in grammar().procedures]
    shared = [any(mine & other for other in nouns if other is not mine) for mine in nouns]
    assert sum(shared) >= len(shared) - 2
