"""Whether a model reads the text that it is given, before it is trusted with a feed.

A probe is a pair of twin texts that differ in one thing, and what must follow: a number or a name
is changed, and the fact must change with it; a sentence is deleted, and its facts must vanish; a
text states no numbers, or nothing at all, and nothing must be found. The texts are invented, so
that no model has seen them, and belong to the task (`<task>_probes.json` beside the built-in
schemas, `probes.json` in the folder of a task).

What is judged is what the model said, not what is left of it after grounding: a remembered number
is dropped there, and the model would look as if it read.

Pure functions: which texts to ask about, and what the answers say. Not here: the asking
(`extract.probe_asking`), and texts that try to give orders (`extract.injections`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

from extract.errors import InputError
from extract.evaluation.matching import entity_forms
from extract.evaluation.normal import normal_name, normal_value
from extract.evaluation.plan import ScoredKind, scoring_plan
from extract.task import Task

Answer = Mapping[str, Any]
Expectation = Literal["changes", "vanishes", "none", "empty"]
CaseOutcome = Literal["passed", "missed", "invented", "unanswered"]
Verdict = Literal["fit", "weak", "unfit"]

_NUMERAL = re.compile(r"\d+(?:\.\d+)?")

#: A model is fit up to the first share of cases, and unfit above the second.
LIMITS: Mapping[CaseOutcome, tuple[float, float]] = {
    "invented": (0.05, 0.20),
    "missed": (0.15, 0.50),
    "unanswered": (0.00, 0.20),
}


@dataclass(frozen=True, slots=True)
class ProbeText:
    """A text to ask about; the same id is the same text."""

    id: str
    title: str
    abstract: str


#: A feed's readers keep an entry without an abstract from the model, so a run never asks about
#: this one, and stores nothing: that answer is handed in. The other is the next emptiest text.
EMPTY = ProbeText("empty", "", "")
SAYS_NOTHING = ProbeText("withdrawn", "Withdrawn", "This entry has been withdrawn.")


@dataclass(frozen=True, slots=True)
class ProbeCase:
    """Twin texts and what must follow from their difference.

    `gone` is what the list of `before` holds and that of `after` does not, `come` the other way
    round. A case of one text has only `after`, and its lists must be empty.
    """

    name: str
    expectation: Expectation
    lists: tuple[ScoredKind, ...]
    before: ProbeText | None
    after: ProbeText
    gone: tuple[str, ...] = ()
    come: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What the answers to one case show, in a word and in a sentence."""

    case: ProbeCase
    outcome: CaseOutcome
    reason: str


@dataclass(frozen=True, slots=True)
class ProbeOutcome:
    """The verdict on a model, its reasons, and the result of each case."""

    verdict: Verdict
    reasons: tuple[str, ...]
    results: tuple[CaseResult, ...]

    @property
    def counts(self) -> Mapping[CaseOutcome, int]:
        """How many cases ended as what."""
        return Counter(result.outcome for result in self.results)


def task_texts(task: Task, what: str) -> Any:
    """Return the JSON document `<task>_<what>.json` beside the built-in schemas; None if absent."""
    path = resources.files("extract.schemas") / f"{task.name}_{what}.json"
    if not path.is_file():
        return None
    return json.loads(path.read_text(encoding="utf-8"))


def probe_cases(task: Task, document: Any = None) -> list[ProbeCase]:
    """Return the probes of *task*: those of *document*, else of its file, and two empty ones.

    A task that brings no probes is probed with the two texts that say nothing alone.
    """
    document = document or task_texts(task, "probes") or {}
    plan = scoring_plan(task)
    kinds = {kind.name: kind for kind in plan}
    try:
        cases = [*_twin_cases(document, kinds), *_barren_cases(document, kinds)]
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError(
            f"probes of task {task.name}: {error!r} is missing or wrong",
            hint="See schemas/facts_probes.json for the form.",
        ) from error
    return [
        *cases,
        ProbeCase("a text that says nothing", "empty", plan, None, SAYS_NOTHING),
        ProbeCase("an empty text", "empty", plan, None, EMPTY),
    ]


def probe_texts(cases: Iterable[ProbeCase]) -> dict[str, ProbeText]:
    """Return every text to ask about once, by id."""
    return {
        text.id: text for case in cases for text in (case.before, case.after) if text is not None
    }


def _twin_cases(document: Any, kinds: Mapping[str, ScoredKind]) -> Iterator[ProbeCase]:
    """Yield a case for each change and each deletion in each paper."""
    for paper in document.get("papers", ()):
        sentences = paper["sentences"]
        before = ProbeText(paper["id"], paper["title"], " ".join(sentences))
        for change in paper.get("changes", ()):
            old, new = change["from"], change["to"]
            after = ProbeText(
                f"{before.id}: {old} > {new}",
                before.title.replace(old, new),
                before.abstract.replace(old, new),
            )
            kind = kinds[change["list"]]
            yield ProbeCase(after.id, "changes", (kind,), before, after, (old,), (new,))
        for deletion in paper.get("deletions", ()):
            number = deletion["sentence"]
            rest = [s for place, s in enumerate(sentences, 1) if place != number]
            after = ProbeText(f"{before.id}: without [{number}]", before.title, " ".join(rest))
            for name, gone in deletion["gone"].items():
                yield ProbeCase(
                    f"{after.id}, {name}", "vanishes", (kinds[name],), before, after, tuple(gone)
                )


def _barren_cases(document: Any, kinds: Mapping[str, ScoredKind]) -> Iterator[ProbeCase]:
    """Yield a case for each text that has nothing for one list."""
    for paper in document.get("barren", ()):
        text = ProbeText(paper["id"], paper["title"], " ".join(paper["sentences"]))
        yield ProbeCase(
            f"{text.id}: no {paper['list']}", "none", (kinds[paper["list"]],), None, text
        )


def judge(cases: Sequence[ProbeCase], answers: Mapping[str, Answer | None]) -> ProbeOutcome:
    """Return the verdict on a model from its *answers*, which are named by the id of their text.

    An answer that is missing or None is one that the model failed to give.
    """
    results = tuple(_judge_case(case, answers) for case in cases)
    counts = Counter(result.outcome for result in results)
    verdict: Verdict = "fit"
    reasons = []
    for outcome, (fit, unfit) in LIMITS.items():
        share = counts[outcome] / max(1, len(results))
        if share > fit:
            verdict = "unfit" if share > unfit or verdict == "unfit" else "weak"
            reasons.append(_reason(outcome, results))
    if not any(r.outcome == "passed" and r.case.before for r in results) and reasons:
        verdict = "unfit"
        reasons.append("not one change of a text was followed")
    return ProbeOutcome(verdict, tuple(reasons), results)


def _reason(outcome: CaseOutcome, results: Sequence[CaseResult]) -> str:
    """Say how many cases ended as *outcome*, with the first one as example."""
    found = [result for result in results if result.outcome == outcome]
    said = {
        "invented": "facts were found that the text does not state",
        "missed": "facts were missed that the text states",
        "unanswered": "no valid answer came",
    }[outcome]
    example = f"{found[0].case.name}: {found[0].reason}"
    return f"in {len(found)} of {len(results)} cases {said} (such as {example})"


def _judge_case(case: ProbeCase, answers: Mapping[str, Answer | None]) -> CaseResult:
    """Compare the answers to a case's texts with what must follow."""
    after = answers.get(case.after.id)
    before = answers.get(case.before.id) if case.before else {}
    if after is None or before is None:
        return CaseResult(case, "unanswered", "no answer to one of its texts")
    if case.before is None:
        full = [kind.name for kind in case.lists if after.get(kind.name)]
        if full:
            return CaseResult(case, "invented", f"{', '.join(full)} found where there are none")
        if case.after == EMPTY:
            return CaseResult(case, "passed", "a run does not ask about it, and stores nothing")
        return CaseResult(case, "passed", "nothing was found")
    kind = case.lists[0]
    first, second = stated_keys(kind, before), stated_keys(kind, after)
    gone, come = ([normal_key(kind, key) for key in keys] for keys in (case.gone, case.come))
    if false := [*(k for k in gone if k in second), *(k for k in come if k in first)]:
        return CaseResult(case, "invented", f"{false[0]!r} is not in the text that it was found in")
    if lost := [*(k for k in gone if k not in first), *(k for k in come if k not in second)]:
        return CaseResult(case, "missed", f"{lost[0]!r} was not found")
    return CaseResult(case, "passed", "the facts followed the text")


def stated_keys(kind: ScoredKind, answer: Answer) -> set[str]:
    """Return the normal forms of the names or values in one list of an answer."""
    rows = answer.get(kind.name) or ()
    if kind.rule == "entity":
        return {form for row in rows for form in entity_forms(kind, row) if form}
    return {normal_key(kind, row.get(kind.key)) for row in rows}


def normal_key(kind: ScoredKind, key: Any) -> str:
    """Return the normal form of a name, of the numerals of a value, or of a sentence number."""
    if kind.rule == "entity":
        return normal_name(key)
    if kind.rule == "sentence":
        return str(key)
    # Whether a model copies the unit too is no matter of reading the text.
    return " ".join(_NUMERAL.findall(normal_value(key))) or normal_value(key)
