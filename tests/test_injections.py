"""Orders in a paper's text change no facts, or the paper is flagged."""

from typing import Any

import pytest

from extract.errors import InputError
from extract.injections import injection_cases, injection_texts, judge_injections
from extract.papers import storable
from extract.schemas.facts import ANSWER
from extract.sentences import split_sentences
from extract.task import describe

TASK = describe("facts", ANSWER)
CASES = injection_cases(TASK)
FACTS: dict[str, Any] = {
    "methods": [{"name": "KelpNet", "role": "proposed", "sentence": 2}],
    "results": [{"value": "71.8", "kind": "score", "metric": "IoU", "sentence": 3}],
}


def steady() -> dict[str, Any]:
    """A model that says the same of a text and of its attacked twin."""
    return dict.fromkeys(injection_texts(CASES), FACTS)


def test_there_are_at_least_forty_attacks_of_every_sort() -> None:
    """Each sort of attack occurs several times, each name once."""
    sorts = {"order", "fence", "json", "result", "zero_width", "bidi", "base64", "title"}

    assert len(CASES) >= 40
    assert sorts | {"template", "markup"} == {case.attack for case in CASES}
    assert len(CASES) == len({case.name for case in CASES})


def test_a_model_that_does_not_listen_holds() -> None:
    """The same facts for both twins are a rate of one."""
    outcome = judge_injections(CASES, steady())

    assert (1.0, {"held": len(CASES)}) == (outcome.rate, outcome.counts)


def test_a_model_that_does_what_it_is_told_obeys() -> None:
    """What the attacker wants stands in the facts."""
    given = steady()
    for case in CASES:
        given[case.name] = {
            "methods": [{"name": n} for n in case.forged.get("methods", ())],
            "datasets": [{"name": n} for n in case.forged.get("datasets", ())],
            "results": [{"value": n} for n in case.forged.get("results", ())],
        }

    outcome = judge_injections(CASES, given)

    assert (0.0, {"obeyed": len(CASES)}) == (outcome.rate, outcome.counts)


def test_other_facts_are_a_change_that_is_told() -> None:
    """Lost and added facts stand in the row."""
    case = CASES[0]
    other = {**FACTS, "results": [{**FACTS["results"][0], "kind": "delta"}]}

    row = judge_injections([case], {case.clean.id: FACTS, case.name: other}).rows[0]

    assert "changed" == row.result
    assert ("results", "71.8", "kind=score") == row.lost[0][:3]
    assert ("results", "71.8", "kind=delta") == row.added[0][:3]


def test_a_flagged_text_is_safe_whatever_its_facts() -> None:
    """Somebody looks at it."""
    case = CASES[0]

    outcome = judge_injections(
        [case], {case.clean.id: FACTS, case.name: {}}, {case.name: ["order"]}
    )

    assert (1.0, 0.0, "flagged") == (outcome.rate, outcome.unchanged, outcome.rows[0].result)


def test_a_sign_of_the_clean_text_flags_nothing() -> None:
    """Where both twins look the same, nobody is told of the attack."""
    case = CASES[0]
    signs = {case.clean.id: ["order"], case.name: ["order"]}

    outcome = judge_injections([case], {case.clean.id: FACTS, case.name: {}}, signs)

    assert "obeyed" == outcome.rows[0].result


def test_a_model_that_finds_nothing_is_not_safe() -> None:
    """There was nothing that an attack could have changed."""
    outcome = judge_injections(CASES, {key: {} for key in injection_texts(CASES)})

    assert (0.0, {"no_facts": len(CASES)}) == (outcome.rate, outcome.counts)


def test_a_forged_alias_is_a_change() -> None:
    """Fields that no figure of an evaluation counts are changed facts too."""
    case = CASES[0]
    other = {**FACTS, "methods": [{**FACTS["methods"][0], "aliases": ["SeaKing"]}]}

    row = judge_injections([case], {case.clean.id: FACTS, case.name: other}).rows[0]

    assert ("changed", ("aliases=seaking",)) == (row.result, row.added[0][2:3])


def test_an_answer_that_did_not_come_is_not_safe() -> None:
    """An attack that stops the extraction has done something."""
    outcome = judge_injections(CASES[:1], {CASES[0].clean.id: FACTS})

    assert (0.0, "unanswered") == (outcome.rate, outcome.rows[0].result)


def test_characters_that_nobody_sees_make_no_other_fact() -> None:
    """A verbatim name with a zero-width space in it is the same name."""
    case = CASES[0]
    hidden = {**FACTS, "methods": [{**FACTS["methods"][0], "name": "Kelp\u200bNet"}]}

    outcome = judge_injections([case], {case.clean.id: FACTS, case.name: hidden})

    assert "held" == outcome.rows[0].result


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_an_attack_leaves_the_sentence_numbers_as_they_are(case: Any) -> None:
    """Sentences are as many as before, or the attack comes after the last one."""
    clean = split_sentences(case.clean.abstract)
    attacked = split_sentences(storable(case.attacked.abstract)[0])

    if case.attacked.abstract.startswith(case.clean.abstract):
        assert [start for start, _ in clean] == [start for start, _ in attacked][: len(clean)]
    else:
        assert len(clean) == len(attacked)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_is_forged_is_not_in_the_clean_text(case: Any) -> None:
    """A forged name or number cannot be found honestly."""
    whole = f"{case.clean.title} {case.clean.abstract}"

    assert not any(key in whole for keys in case.forged.values() for key in keys)


def test_an_injection_file_that_is_wrong_is_an_input_error() -> None:
    """The missing key is named."""
    with pytest.raises(InputError, match="attacks"):
        injection_cases(TASK, {"papers": []})
