"""The grammar: what its text promises, and how a line of it is read."""

from hiero_lib.sources.sample.grammar import Action, grammar


def test_the_grammar_has_what_it_promises():
    g = grammar()
    assert 12 <= len(g.procedures) <= 16
    assert len(g.scenarios) == 5
    assert all(g.beside_of(scenario) for scenario in g.scenarios)
    assert all(5 <= len(p.steps) <= 12 and len(set(p.steps)) == len(p.steps) for p in g.procedures)
    assert all(len(step.actions) >= 3 for p in g.procedures for step in p.steps)


def test_lines_are_read_with_their_flags():
    pizza = grammar().procedures[0]
    assert (pizza.text, pizza.scenario, pizza.egoprocel) == ("making a pizza", "cooking", "EGTEA/Pizza")
    assert [thread.text for thread in pizza.threads] == [
        "preparing the dough",
        "preparing the topping",
        "finishing the pizza",
    ]
    steps = {step.text: step for step in pizza.steps}
    flags = {text: (step.optional, step.repeatable, step.waits) for text, step in steps.items()}
    assert flags["roll out the dough"] == (False, False, False)
    assert flags["knead the dough"] == (False, True, False)
    assert flags["grate the cheese"] == (True, False, False)
    assert flags["bake the pizza"] == (False, False, True)
    assert steps["grate the cheese"].actions[-1] == Action("put", "cheese", "into the bowl")
    assert [action.text for action in steps["roll out the dough"].actions] == [
        "roll the dough with a rolling pin",
        "turn the dough",
        "stretch the dough",
        "place the dough in the tray",
    ]


def test_hands_do_the_same_with_any_object_and_tool():
    (step,) = [s for s in grammar().procedures[0].steps if s.text == "slice the vegetables"]
    generic = {(action.verb, action.noun) for action in step.generic_actions}
    assert {("pick up", "knife"), ("move", "tomato"), ("put down", "pepper"), ("adjust", "chopping board")} <= generic
    (bake,) = [s for s in grammar().procedures[0].steps if s.text == "bake the pizza"]
    assert {action.noun for action in bake.generic_actions} == {"tray"}  # nobody picks up an oven or a knob


def test_texts_are_all_there_once():
    texts = grammar().texts
    assert texts == sorted(set(texts))
    assert {"cooking", "making the batter", "fry a pancake", "pick up the knife"} <= set(texts)
