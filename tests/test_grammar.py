"""The grammar of one paper: what it says, and that every encoded answer is in it.

llguidance is not needed: the rules do not call themselves, so they are read as one regular
expression here, with names checked as runs of words. A local model tries the real thing.
"""

from __future__ import annotations

import importlib.util
import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from extract.errors import ModelError
from extract.grammar import compact_grammar
from extract.local.registry import local_model
from extract.local.server import LocalServer
from extract.local.settings import ServerSettings
from extract.local.weights import ensure_weights
from extract.papers import Paper
from extract.prompting import read_prompt
from extract.shown import ShownPaper, show
from extract.task import describe
from extract.tasks import load_task
from extract.taskyaml import read_schema
from extract.wire import CompactWire

FACTS = CompactWire(load_task())
SHOWN = show(Paper("x", "ViT", "We reach 95.9\\% on A."))
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*|\{\d+,\d+\}|[()|?]|\s+')
_TERMINALS = {
    "NAME": '[^"\\\\]{1,100}',
    "FREE": '[^"\\\\\x00-\x1f]{1,200}',
    "COUNT": r"-?[0-9]{1,12}(?:\.[0-9]{1,6})?",
}


def accepts(grammar: str, text: str) -> bool:
    """Return whether *text* is in the grammar, names being any characters."""
    lines = [line for line in grammar.splitlines() if ": " in line]
    rules = dict(line.split(": ", 1) for line in lines)

    def pattern(rule: str) -> str:
        return "(?:" + "".join(piece(token) for token in _TOKEN.findall(rules[rule])) + ")"

    def piece(token: str) -> str:
        if token.startswith('"'):
            return re.escape(str(json.loads(token)))
        if token in _TERMINALS:
            return _TERMINALS[token]
        return pattern(token) if token in rules else token.strip()

    return re.fullmatch(pattern("start"), text) is not None


def wire_of(fields: str, per: str = "") -> CompactWire:
    """Return the wire of a task with one list, `things`."""
    text = f"records: {{things: {{{per}fields: {fields}}}}}"
    return CompactWire(describe("sample", read_schema(Path("schema.yaml"), text)[1]))


def test_the_grammar_of_a_paper_holds_its_own_sentences_and_numbers() -> None:
    """The literal grammar of one sentence and one number."""
    expected = r"""%llguidance {}
start: "{\"m\":" "[" ("[\"" m_row ("," "[\"" m_row){0,23})? "]" ",\"d\":" "[" ("[\"" d_row ("," "[\"" d_row){0,23})? "]" ",\"r\":" "[" "[\"95.9%\",\"" r_row_s "]" ",\"c\":" "\"" "1" ("n" | "c" | "r" | "f") "\"" "}"
m_row: NAME m_rest1
m_rest1: "\",\"" ("p" | "o") "\"]"
d_row: NAME d_rest1
d_rest1: "\",\"" ("i" | "u") "\"]"
r_row_s: "n\"]" | "s" r_rest2
r_row_d: "n\"]" | "d" r_rest2
r_row_f: "n\"]" | "f" r_rest2
r_row_i: "n\"]" | "i" r_rest2
r_rest2: "\"]" | "\",\"" NAME r_rest3 | "\",\"" r_skip3
r_skip3: "\",\"" NAME r_rest4 | "\",\"" r_skip4
r_rest3: "\"]" | "\",\"" NAME r_rest4 | "\",\"" r_skip4
r_skip4: "\",\"" NAME r_rest5 | "\",\"" r_skip5
r_rest4: "\"]" | "\",\"" NAME r_rest5 | "\",\"" r_skip5
r_skip5: "\",\"" NAME "\"]"
r_rest5: "\"]" | "\",\"" NAME "\"]"
NAME: SPAN & /[^\n]{1,100}/
SPAN: %regex {"substring_words": "ViT\nWe reach 95.9% on A."}
FREE: /[^"\\\x00-\x1f]{1,200}/
COUNT: /-?[0-9]{1,12}(\.[0-9]{1,6})?/
"""  # noqa: E501  # a rule is a line

    assert expected == compact_grammar(FACTS, SHOWN)


def result(**named: str) -> dict[str, Any]:
    """Return the row of the one number of the paper."""
    return {"value": "95.9\\%", "kind": "score", "sentence": 1, **named}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"methods": [{"name": "ViT", "role": "other", "sentence": 0}]},
        {"results": [result()]},
        {"results": [result(metric="reach")]},
        {"results": [result(dataset="A")]},
        {"results": [result(metric="reach", method="ViT")]},
        {"results": [result(baseline="ViT")]},
        {"results": [result(metric="reach", dataset="A", method="ViT", baseline="ViT")]},
        {"claims": [{"sentence": 1, "type": "finding"}]},
    ],
)
def test_an_encoded_answer_is_in_the_grammar(answer: dict[str, list[dict[str, Any]]]) -> None:
    """What training shows is what a model can write."""
    assert accepts(compact_grammar(FACTS, SHOWN), FACTS.encode(answer, SHOWN))


@pytest.mark.parametrize(
    ("fields", "per", "row"),
    [
        ("{note: text, sentence: sentence}", "", {"note": "new", "sentence": 1}),
        (
            "{name: verbatim, is_new: flag, weight: number, sentence: sentence}",
            "",
            {"name": "ViT", "is_new": False, "weight": -0.5, "sentence": 0},
        ),
        (
            "{value: quantity, unit: {type: verbatim, optional: true}, sentence: sentence}",
            "per: quantity, ",
            {"value": "95.9\\%", "unit": "A", "sentence": 1},
        ),
        (
            "{name: verbatim, a: {type: text, optional: true}, b: text, sentence: sentence}",
            "",
            {"name": "ViT", "a": None, "b": "x", "sentence": 0},
        ),
    ],
)
def test_other_tasks_answers_are_in_their_grammars(
    fields: str, per: str, row: dict[str, Any]
) -> None:
    """Flags, numbers, walks without a choice, and rows without a name."""
    wire = wire_of(fields, per)

    assert accepts(compact_grammar(wire, SHOWN), wire.encode({"things": [row]}, SHOWN))


def test_a_paper_without_text_has_a_grammar() -> None:
    """No sentence to label, and no number to walk through."""
    shown = show(Paper("x", "", ""))

    assert accepts(compact_grammar(FACTS, shown), '{"m":[],"d":[],"r":[],"c":""}')


@pytest.mark.parametrize(
    "text",
    [
        '{"m":[],"d":[],"r":[["95.9%","x"]],"c":"1n"}',
        '{"m":[],"d":[],"r":[],"c":"1n"}',
        '{"m":[],"d":[],"r":[["95.9%","s",""]],"c":"1n"}',
        '{"m":[["ViT"]],"d":[],"r":[["95.9%","n"]],"c":"1n"}',
        '{"m":[],"d":[],"r":[["95.9%","n"]],"c":"1n2n"}',
    ],
)
def test_what_is_not_in_the_form_is_not_in_the_grammar(text: str) -> None:
    """A wrong letter, a number left out, an empty end, a missing choice, a sentence too many."""
    assert not accepts(compact_grammar(FACTS, SHOWN), text)


def test_the_kind_of_a_number_is_the_one_that_its_words_say() -> None:
    """A task whose choices are other words makes its own."""
    kind = "{type: choice, choices: [score, price]}"
    wire = wire_of(f"{{value: quantity, kind: {kind}, sentence: sentence}}", "per: quantity, ")

    assert "t_row_" not in compact_grammar(wire, SHOWN)
    assert "t_row:" in compact_grammar(wire, SHOWN)
    assert "r_row_s" in compact_grammar(FACTS, SHOWN)


def test_a_row_does_not_end_before_a_required_field() -> None:
    """An optional entry may be empty, but what must follow it follows."""
    wire = wire_of("{name: verbatim, a: {type: text, optional: true}, b: text, sentence: sentence}")
    grammar = compact_grammar(wire, SHOWN)

    assert [False, True] == [
        accepts(grammar, f'{{"t":[[{row}]]}}') for row in ('"ViT"', '"ViT","","x"')
    ]


def test_many_optional_fields_do_not_swell_the_grammar() -> None:
    """Each field adds two rules, not twice what is there."""
    fields = ", ".join(f"f{n}: {{type: text, optional: true}}" for n in range(30))
    wire = wire_of(f"{{name: verbatim, {fields}, sentence: sentence}}")

    assert len(compact_grammar(wire, SHOWN)) < 6000


def answered(server: LocalServer, wire: CompactWire, shown: ShownPaper) -> str:
    """Return what a local model writes under the grammar of a paper."""
    prompt = read_prompt("facts.compact", load_task().prompts["compact"])
    body = {
        "messages": prompt.messages(shown.text),
        "grammar": compact_grammar(wire, shown),
        "temperature": 0,
        "max_tokens": 600,
    }
    request = urllib.request.Request(
        f"{server.base_url}/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {server.api_key}"},
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        content = json.load(response)["choices"][0]["message"]["content"]
    assert isinstance(content, str)
    return content


@pytest.mark.model
def test_a_local_model_writes_what_can_be_read() -> None:
    """llguidance takes the grammar, and the smallest model's answer is in the compact form."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed")
    try:
        weights = ensure_weights(local_model("smollm2-135m"))
    except ModelError as error:
        pytest.skip(f"the weights of smollm2-135m cannot be had: {error}")
    notes = wire_of("{is_new: flag, weight: number, sentence: sentence}")
    with LocalServer(weights, settings=ServerSettings(context_per_slot=2048)) as server:
        content = answered(server, FACTS, SHOWN)
        other = answered(server, notes, SHOWN)
        assert [] == server.dropped_grammars()

    assert accepts(compact_grammar(notes, SHOWN), other)
    assert accepts(compact_grammar(FACTS, SHOWN), content)
    assert list(FACTS.decode(content, SHOWN)) == ["methods", "datasets", "results", "claims"]
