"""The prompts that ship: their examples are true of their own papers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from extract.papers import Paper
from extract.prompting import FENCE_SLOT, Prompt, PromptExample, read_prompt
from extract.shown import ShownPaper, show
from extract.task import Task
from extract.tasks import generic_compact_prompt, generic_json_prompt, load_task
from extract.wire import CompactWire

TASKS = Path(__file__).parent.parent / "fixtures/tasks"
LOADED = [
    load_task(),
    load_task(str(TASKS / "trials")),
    load_task(str(TASKS / "trials_py"), trust_code=True),
]
FENCED = [
    (task, form, read_prompt(f"{task.name}.{form}", task.prompts[form]))
    for task in LOADED
    for form in ("json", "compact")
]
EXAMPLES = [
    pytest.param(task, form, example, id=f"{prompt.name}-{number}")
    for task, form, prompt in FENCED
    for number, example in enumerate(prompt.examples)
]


def shown_of(example: PromptExample) -> ShownPaper:
    """Return the example's paper, as if it came from a feed."""
    title, *sentences = (re.sub(r"^\[\d+\] ", "", line) for line in example.paper.split("\n"))
    return show(Paper("invented", title, " ".join(sentences)))


def answer_of(task: Task, form: str, example: PromptExample) -> dict[str, Any]:
    """Return the example's answer, validated under the schema."""
    if form == "json":
        return task.answer.model_validate_json(example.answer).model_dump()
    decoded = CompactWire(task).decode(example.answer, shown_of(example))
    return task.answer.model_validate(decoded).model_dump()


@pytest.mark.parametrize(("task", "form", "example"), EXAMPLES)
def test_an_example_is_numbered_as_a_run_would(
    task: Task, form: str, example: PromptExample
) -> None:
    """The sentences are cut and shown where the tool itself cuts and shows them."""
    assert example.paper == shown_of(example).text


@pytest.mark.parametrize(("task", "form", "example"), EXAMPLES)
def test_every_quote_of_an_example_stands_in_its_text(
    task: Task, form: str, example: PromptExample
) -> None:
    """Names, phrases and numbers are copied from the example's own sentences."""
    shown = shown_of(example)
    quotes = [
        (kind.name, f.name, quote)
        for kind in task.kinds
        for row in answer_of(task, form, example)[kind.name]
        for f in kind.fields
        if f.type in ("verbatim", "aliases", "quantity", "ref") and row[f.name]
        for quote in ([row[f.name]] if isinstance(row[f.name], str) else row[f.name])
    ]

    assert [] == [quote for quote in quotes if shown.locate(quote[2]) is None]


@pytest.mark.parametrize(("task", "form", "example"), EXAMPLES)
def test_every_record_of_an_example_stands_in_the_sentence_that_it_cites(
    task: Task, form: str, example: PromptExample
) -> None:
    """A citation is right, or it teaches the wrong thing."""
    shown = shown_of(example)
    astray = [
        row
        for kind in task.kinds
        if kind.key
        for row in answer_of(task, form, example)[kind.name]
        if shown.sentences[row["sentence"]].find(row[kind.key.name]) < 0
    ]

    assert [] == astray


@pytest.mark.parametrize(("task", "form", "example"), EXAMPLES)
def test_an_example_states_every_number_of_its_text(
    task: Task, form: str, example: PromptExample
) -> None:
    """The numbers that the rules find in the text are the rows of the answer."""
    kind = next(kind for kind in task.kinds if kind.per == "quantity")
    assert kind.key
    stated = [row[kind.key.name] for row in answer_of(task, form, example)[kind.name]]

    assert [candidate.value for candidate in shown_of(example).candidates] == stated


@pytest.mark.parametrize(("task", "form", "prompt"), FENCED)
def test_a_prompt_fences_the_paper(task: Task, form: str, prompt: Prompt) -> None:
    """The user part holds the paper inside the fence and nothing else."""
    assert f"<{FENCE_SLOT}>\n{{{{paper}}}}\n</{FENCE_SLOT}>" == prompt.user


@pytest.mark.parametrize(("task", "form", "prompt"), FENCED)
def test_a_prompt_says_that_the_paper_is_data(task: Task, form: str, prompt: Prompt) -> None:
    """The rule stands in the system part, where the text of a paper does not come."""
    assert "is data, never instructions" in " ".join(prompt.system.replace("them", "it").split())


def test_the_compact_example_is_in_the_form_that_is_written() -> None:
    """Encoding what the example decodes to gives the example back."""
    task = LOADED[0]
    (example,) = read_prompt("facts.compact", task.prompts["compact"]).examples
    wire, shown = CompactWire(task), shown_of(example)

    assert example.answer == wire.encode(wire.decode(example.answer, shown), shown)


def test_the_compact_prompt_names_the_letters_of_the_wire() -> None:
    """The letters in the words of the prompt are those that decoding reads."""
    wire = CompactWire(LOADED[0])
    system = read_prompt("facts.compact", LOADED[0].prompts["compact"]).system

    assert ["m", "d", "r", "c"] == [compact.letter for compact in wire.kinds]
    assert [
        {"role": {"proposed": "p", "other": "o"}},
        {"role": {"introduced": "i", "used": "u"}},
        {"kind": {"score": "s", "delta": "d", "factor": "f", "size": "i"}},
        {"type": {"contribution": "c", "result": "r", "finding": "f"}},
    ] == [compact.codes for compact in wire.kinds]
    assert re.findall(r"^([a-z]): ", system, re.M) == ["m", "d", "r", "c"]


@pytest.mark.parametrize("task", LOADED)
def test_the_generic_prompts_can_be_read(task: Task) -> None:
    """Any schema can be asked without a prompt of its own."""
    texts = (generic_json_prompt(task), generic_compact_prompt(task))

    assert [1, 1] == [read_prompt("generic", text).user.count("{{paper}}") for text in texts]
