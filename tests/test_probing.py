"""A model is probed with twin texts, and the verdict follows from its answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from extract.errors import InputError
from extract.feeds import read_feed
from extract.probing import EMPTY, ProbeText, judge, probe_cases, probe_texts
from extract.schemas.facts import ANSWER
from extract.task import describe

TASK = describe("facts", ANSWER)
CASES = probe_cases(TASK)
KNOWN = {
    "methods": "Lanternfish Moonwrack TideNet WindMix GustPool OrchardFormer HedgeFormer TreeCount"
    " InkProp WaxWalk SealNet",
    "datasets": "HarbourSet QuayBench FerryTalk DeckVoice AppleField PearRows PostArchive StampDB"
    " FrankFile",
    "results": "91.4% 93.7% 86.9% 3.2x 5.6x 40M 1,260 2,480 23.5% 17.8% 19.2% 38% 27% 5,700 8,300"
    " 82.6 85.3 77.1 6.4 3.9",
}


def reader(text: ProbeText) -> dict[str, Any]:
    """A model that reads: it finds what stands in the text, and nothing else."""
    whole = f"{text.title} {text.abstract}"
    found = {name: [k for k in known.split() if k in whole] for name, known in KNOWN.items()}
    return {
        "id": text.id,
        "methods": [{"name": name} for name in found["methods"]],
        "datasets": [{"name": name} for name in found["datasets"]],
        "results": [{"value": value} for value in found["results"]],
        "claims": [],
    }


def parrot(_: ProbeText) -> dict[str, Any]:
    """A model that knows its answer before it reads."""
    return reader(CASES[0].after)


def answers(model: Any) -> dict[str, Any]:
    return {name: model(text) for name, text in probe_texts(CASES).items()}


def test_a_model_that_reads_is_fit() -> None:
    """Every case passes, and there is no reason to doubt."""
    outcome = judge(CASES, answers(reader))

    assert ("fit", ()) == (outcome.verdict, outcome.reasons)


def test_a_model_that_always_says_the_same_is_unfit() -> None:
    """It finds facts that the text does not state."""
    outcome = judge(CASES, answers(parrot))

    assert "unfit" == outcome.verdict
    assert "facts were found that the text does not state" in outcome.reasons[0]


def test_a_model_that_finds_nothing_is_unfit() -> None:
    """Empty lists are right for the barren texts, and wrong for all others."""
    outcome = judge(CASES, answers(lambda _: {}))

    assert "unfit" == outcome.verdict
    assert {"missed", "passed"} == {result.outcome for result in outcome.results}


def test_a_model_that_overlooks_one_list_is_weak() -> None:
    """A third of the cases missed is no reason to throw it away."""
    outcome = judge(CASES, answers(lambda text: {**reader(text), "datasets": []}))

    assert "weak" == outcome.verdict


def test_a_model_that_finds_facts_in_nothing_is_not_fit_for_long() -> None:
    """An empty text with facts is an invention, told with its list."""
    given = {**answers(reader), "empty": {"results": [{"value": "91.4%"}]}}

    outcome = judge(CASES, given)

    assert ("invented", "results found where there are none") == (
        outcome.results[-1].outcome,
        outcome.results[-1].reason,
    )


def test_an_answer_that_did_not_come_counts_against_the_model() -> None:
    """No answer is no empty answer."""
    outcome = judge(CASES, {**answers(reader), "tides": None})

    assert "unfit" == outcome.verdict
    assert "no valid answer came" in outcome.reasons[0]


def test_a_unit_that_is_not_copied_is_no_matter_of_reading() -> None:
    """`91.4` and `91.4%` are the same number here."""
    bare = {
        name: {**a, "results": [{"value": r["value"].rstrip("%x")} for r in a["results"]]}
        for name, a in answers(reader).items()
    }

    assert "fit" == judge(CASES, bare).verdict


def test_every_probe_differs_in_what_it_says() -> None:
    """What goes stands in the first text and not in the second; what comes, the other way round."""
    for case in CASES:
        before = f"{case.before.title} {case.before.abstract}" if case.before else ""
        after = f"{case.after.title} {case.after.abstract}"

        assert all(key in before and key not in after for key in case.gone), case.name
        assert all(key in after and key not in before for key in case.come), case.name


def test_all_four_expectations_are_probed() -> None:
    """Numbers and names that change, facts that vanish, texts without, and no text."""
    assert {"changes", "vanishes", "none", "empty"} == {case.expectation for case in CASES}
    assert {"methods", "datasets", "results"} == {
        case.lists[0].name for case in CASES if case.expectation == "changes"
    }


def test_a_barren_text_has_no_digits_where_it_has_no_results() -> None:
    """What must be found nowhere is not there."""
    texts = [c.after.abstract for c in CASES if c.expectation == "none" and "results" in c.name]

    assert texts
    assert not any(character.isdigit() for text in texts for character in text)


def test_a_task_without_probes_is_probed_with_texts_that_say_nothing() -> None:
    """What every task has in common is that nothing follows from nothing."""
    assert {"empty"} == {case.expectation for case in probe_cases(describe("mine", ANSWER))}


def test_the_empty_text_says_that_a_run_does_not_ask_about_it(tmp_path: Path) -> None:
    """The readers of feeds keep it from the model; the case is judged by what a run stores."""
    feed = tmp_path / "feed.jsonl"
    rows = [{"title": EMPTY.title, "abstract": EMPTY.abstract}, {"abstract": "Words."}]
    feed.write_text("".join(json.dumps(row) + "\n" for row in rows))
    read = read_feed(str(feed))

    assert ["Words."] == [paper.abstract for paper in read.papers]
    assert ["no_abstract"] == [problem.reason for problem in read.problems]
    last = judge(CASES, answers(reader)).results[-1]
    assert ("an empty text", "a run does not ask about it, and stores nothing") == (
        last.case.name,
        last.reason,
    )


def test_a_probe_file_that_is_wrong_is_an_input_error() -> None:
    """The missing key is named."""
    with pytest.raises(InputError, match="sentences"):
        probe_cases(TASK, {"papers": [{"id": "a"}]})
