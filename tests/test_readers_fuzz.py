"""Whatever stands in them, files and answers from outside end in a value or an error of ours.

Feeds have their own file (`test_feeds_fuzz.py`). The run by default is short and always the
same; a long one, with other examples each time:

    FUZZ_EXAMPLES=2000 pytest -m slow tests/test_readers_fuzz.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extract.asking import Endpoint
from extract.asking.answer_text import fit_text
from extract.asking.fault import Fault
from extract.asking.reply import Received, document_of, read_chat, read_responses
from extract.errors import InputError, PaperfactsError
from extract.evaluation.goldfile import parse_annotations, read_annotations
from extract.grounding import ground
from extract.models import find_model
from extract.papers import Paper
from extract.prompting import read_prompt
from extract.recipe import Recipe, answer_rows
from extract.rows import fact_rows
from extract.shown import show
from extract.tasks import load_task
from extract.todo import prepare
from extract.training.config import read_config
from extract.wire import CompactWire

ROOT = Path(__file__).parent.parent
TRIALS = ROOT / "fixtures" / "tasks" / "trials"
TASK = load_task()
TEXT = "Tern: Birds. We show Tern. It reaches 87.4% on TERN-1 with 12 cameras and 3x speed."
SHORT = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
LONG = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "1500")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
PIECES = (
    *("null", "true", "1e999", "-0", "9" * 5000, "[" * 3000, "{" * 3000, "\x00"),
    *('"', "'", "\\", "\\ud800", "\n", "\t", ":", "- ", "? ", "&a ", "*a", "!!int ", "<<: ", "|"),
    *("# System", "# User", "# Examples", "{{paper}}", "```json\n", "```text\n", "```", "NaN"),
    *("]", "}", "[[", "]]", ",", "=", "\r", "\u2028", "\u202e", "~", "''' ", '"""', "---", "..."),
)
Change = tuple[float, str, int]
CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(PIECES) | st.text(max_size=5), st.integers(0, 40)),
    min_size=1,
    max_size=5,
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


def both(test: Callable[..., None], *strategies: Any, **named: Any) -> tuple[Any, Any]:
    """Return a property as two tests: a short one that is always the same, and a long one."""
    given_ = given(*strategies, **named)
    return SHORT(given_(test)), pytest.mark.slow(LONG(given_(test)))


def changed(text: str, changes: list[Change]) -> str:
    """Return *text* with pieces cut out and pasted in."""
    for place, pasted, cut in changes:
        at = int(place * len(text))
        text = text[:at] + pasted + text[at + cut :]
    return text


def settled(read: Callable[[], object]) -> None:
    """Read; an error of ours has to have words."""
    try:
        read()
    except PaperfactsError as error:
        assert isinstance(error, InputError)
        assert str(error)


def written(folder: Path, name: str, text: str) -> Path:
    """Write *text* as bytes that may be no UTF-8."""
    path = folder / name
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


def _task_yaml(tmp_path: Path, changes: list[Change]) -> None:
    """A schema of a task."""
    text = (TRIALS / "schema.yaml").read_text(encoding="utf-8")
    written(tmp_path, "schema.yaml", changed(text, changes))
    settled(lambda: load_task(str(tmp_path)))


def _task_prompt(tmp_path: Path, changes: list[Change]) -> None:
    """A prompt of a task."""
    (tmp_path / "schema.yaml").write_bytes((TRIALS / "schema.yaml").read_bytes())
    text = (ROOT / "prompts" / "facts.json.md").read_text(encoding="utf-8")
    written(tmp_path, "prompt.md", changed(text, changes))
    settled(lambda: load_task(str(tmp_path)))


def _task_views(tmp_path: Path, changes: list[Change]) -> None:
    """The views of a task."""
    (tmp_path / "schema.yaml").write_bytes((TRIALS / "schema.yaml").read_bytes())
    text = (TRIALS / "views.sql").read_text(encoding="utf-8")
    written(tmp_path, "views.sql", changed(text, changes))
    settled(lambda: load_task(str(tmp_path)))


def _gold(tmp_path: Path, changes: list[Change]) -> None:
    """A file of annotations."""
    lines = (ROOT / "fixtures" / "eval" / "gold.jsonl").read_text(encoding="utf-8").split("\n")
    path = written(tmp_path, "gold.jsonl", changed("\n".join(lines[:3]), changes))
    settled(lambda: read_annotations(path, TASK))


def _gold_of_any_shape(record: Any) -> None:
    """A line of annotations whose keys hold anything."""
    settled(lambda: parse_annotations([json.dumps(record)], TASK))


def _config(tmp_path: Path, changes: list[Change]) -> None:
    """A training config."""
    text = 'base = "smollm2-135m"\nannotations = ["a.jsonl"]\nepochs = 2\nlearning_rate = 5e-4\n'
    path = written(tmp_path, "config.toml", changed(text, changes))
    settled(lambda: read_config(path))


def _prompt(changes: list[Change]) -> None:
    """The text of a prompt with examples."""
    text = (ROOT / "prompts" / "facts.json.md").read_text(encoding="utf-8")

    def read() -> None:
        prompt = read_prompt("p", changed(text, changes))
        assert prompt.messages("[0] T")
        assert isinstance(prompt.example_values, frozenset)

    settled(read)


def recipe(style: str) -> Recipe:
    """Return how the facts are asked of a hosted or a local model."""
    name, base_url = ("stub", "http://x") if style == "json" else ("local/smollm2-135m", None)
    return find_model(name, TASK, base_url=base_url).recipe


PAPER = Paper("p", "Tern: Birds.", TEXT.partition("Birds. ")[2])
RECIPES = {style: recipe(style) for style in ("json", "compact")}
TODOS = {style: prepare(PAPER, each) for style, each in RECIPES.items()}
WIRED = CompactWire(TASK).encode(
    {
        "methods": [{"name": "Tern", "role": "proposed", "aliases": [], "sentence": 0}],
        "datasets": [{"name": "TERN-1", "role": "used", "aliases": [], "sentence": 2}],
        "results": [{"value": "87.4%", "kind": "score", "sentence": 2}],
        "claims": [{"type": "contribution", "sentence": 1}],
    },
    show(PAPER),
)
PLAIN = json.dumps(
    {
        "methods": [{"name": "Tern", "role": "proposed", "sentence": 0}],
        "datasets": [{"name": "TERN-1", "role": "used", "sentence": 2}],
        "results": [{"value": "87.4%", "kind": "score", "metric": "hits", "sentence": 2}],
        "claims": [{"type": "contribution", "sentence": 1}],
    }
)


def _answered(style: str, content: str) -> None:
    """An answer becomes facts and rows, or a ValueError, which asks again."""
    todo = TODOS[style]
    try:
        answer = answer_rows(RECIPES[style].answer(content, todo.shown))
    except ValueError:
        return
    grounded = ground(TASK, answer, todo.text)
    batch = fact_rows(todo, grounded, "x", "a", "r")
    assert len(grounded.facts) == sum(map(len, batch.facts.values()))
    for fact in grounded.facts:
        assert (fact.alignment == "missing") == (fact.span_start is None)


def _compact_answer(changes: list[Change]) -> None:
    """What a local model writes."""
    _answered("compact", changed(WIRED, changes))


def _json_answer(changes: list[Change]) -> None:
    """What a hosted model writes."""
    _answered("json", changed(PLAIN, changes))


def _any_answer(record: Any) -> None:
    """JSON of any shape, in both forms."""
    _answered("compact", json.dumps(record))
    _answered("json", json.dumps(record))


def _surrounded_answer(changes: list[Change]) -> None:
    """What is taken off around an answer leaves text, or nothing that can be read."""
    with suppress(ValueError):
        fit_text(changed(f"Sure:\n```json\n{PLAIN}\n```", changes))


def _envelope(body: bytes | str, mode: str) -> None:
    """What a provider sends around an answer: a reply, or a fault."""
    content = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    received = Received(content, "application/json", 200, None, Endpoint("openai", "m", None, None))
    try:
        document = document_of(received)
        (read_responses if mode == "responses" else read_chat)(received, document)
    except Fault:
        pass


ENVELOPE_KEYS = (
    *("choices", "message", "content", "refusal", "tool_calls", "function", "arguments"),
    *("finish_reason", "usage", "logprobs", "output", "type", "text", "status", "error", "code"),
    *("incomplete_details", "reason", "token", "logprob", "bytes", "top_logprobs"),
)
ENVELOPES = st.recursive(
    JSON | st.just("output_text") | st.just("message") | st.just("length"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(ENVELOPE_KEYS), inner, max_size=5)
    ),
    max_leaves=15,
)
KEYS = st.sampled_from(["m", "d", "r", "c", "methods", "datasets", "results", "claims", "id"])
RECORDS = st.dictionaries(KEYS, JSON, max_size=5)
ROWS = st.dictionaries(
    st.sampled_from(["id", "title", "abstract", "sentences", "methods", "results", "claims"]),
    JSON
    | st.lists(
        st.dictionaries(st.sampled_from(["name", "value", "sentence", "start", "end"]), JSON)
    ),
    max_size=7,
)

test_a_schema, test_a_schema_long = both(_task_yaml, changes=CHANGES)
test_a_prompt_file, test_a_prompt_file_long = both(_task_prompt, changes=CHANGES)
test_views, test_views_long = both(_task_views, changes=CHANGES)
test_gold, test_gold_long = both(_gold, changes=CHANGES)
test_gold_records, test_gold_records_long = both(_gold_of_any_shape, record=ROWS | JSON)
test_a_config, test_a_config_long = both(_config, changes=CHANGES)
test_a_prompt, test_a_prompt_long = both(_prompt, changes=CHANGES)
test_a_compact_answer, test_a_compact_answer_long = both(_compact_answer, changes=CHANGES)
test_a_json_answer, test_a_json_answer_long = both(_json_answer, changes=CHANGES)
test_any_answer, test_any_answer_long = both(_any_answer, record=RECORDS | JSON)
test_a_surrounded_answer, test_a_surrounded_answer_long = both(_surrounded_answer, changes=CHANGES)
test_an_envelope, test_an_envelope_long = both(
    _envelope,
    body=ENVELOPES.map(json.dumps) | st.binary(max_size=60),
    mode=st.sampled_from(["chat", "responses"]),
)


# What the long runs have found, each mended.


def test_a_number_of_thousands_of_digits_in_a_config(tmp_path: Path) -> None:
    """Python reads no such number; the config is told to be wrong."""
    _config(tmp_path, [(1.0, f"\nseed = {'9' * 5000}\n", 0)])
    with pytest.raises(InputError, match="4300 digits"):
        read_config(tmp_path / "config.toml")


@pytest.mark.parametrize("mode", ["chat", "responses"])
@pytest.mark.parametrize(
    "body",
    [
        '{"status": []}',
        '{"incomplete_details": ["output_text"]}',
        '{"output": 5}',
        '{"output": [{"type": "message", "content": 5}]}',
        '{"choices": [{"finish_reason": [], "message": {"content": "x"}}]}',
        '{"choices": [{"message": {"tool_calls": 5}}]}',
    ],
)
def test_an_envelope_with_something_else_in_a_place(body: str, mode: str) -> None:
    """Where a list, an object or a word is expected, anything may stand."""
    _envelope(body, mode)
