"""What was missed, what was found falsely, and where hits disagree, each with its sentence.

The same mistake made in several papers is one group, and groups come by list, then the most
frequent first: what to mend first stands on top.

Not here: how records are matched (`matching`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from extract.evaluation.matching import Annotation, KindMatch, Row
from extract.evaluation.normal import normal_name, normal_value
from extract.evaluation.plan import ScoredKind
from extract.evaluation.scoring import Evaluation
from extract.terminal import safe_text

Fault = Literal["missed", "false", "disagrees"]

_ORDER: dict[Fault, int] = {"missed": 0, "false": 1, "disagrees": 2}


@dataclass(frozen=True, slots=True)
class Miss:
    """One mistake in one paper.

    `key` is the name, value or sentence number of the record. For a hit that disagrees, `field`
    is the one it disagrees in, and `gold` and `predicted` are its two values.
    """

    kind: str
    fault: Fault
    paper_id: str
    key: str
    sentence: int | None
    text: str
    field: str = ""
    gold: Any = None
    predicted: Any = None


@dataclass(frozen=True, slots=True)
class MissGroup:
    """The same mistake in all papers where it was made."""

    kind: str
    fault: Fault
    field: str
    label: str
    misses: tuple[Miss, ...]


def find_misses(evaluation: Evaluation) -> list[Miss]:
    """Return every mistake behind the figures of *evaluation*, paper by paper."""
    return [
        miss
        for paper, match in evaluation.matches.items()
        for kind in evaluation.plan
        for miss in _of_list(kind, paper, match[kind.name], evaluation.gold[paper])
    ]


def group_misses(evaluation: Evaluation) -> list[MissGroup]:
    """Return the mistakes in groups: by list and fault, then the most frequent first."""
    rules = {kind.name: kind.rule for kind in evaluation.plan}
    place = {kind.name: number for number, kind in enumerate(evaluation.plan)}
    groups: dict[tuple[str, Fault, str, str], list[Miss]] = {}
    for miss in find_misses(evaluation):
        label = _label(miss, rules[miss.kind])
        groups.setdefault((miss.kind, miss.fault, miss.field, label), []).append(miss)
    ordered = sorted(
        groups.items(), key=lambda g: (place[g[0][0]], _ORDER[g[0][1]], -len(g[1]), g[0][2:])
    )
    return [MissGroup(*name, tuple(misses)) for name, misses in ordered]


def misses_text(groups: list[MissGroup], *, most: int | None = None) -> str:
    """Return the groups for a terminal; *most* limits the groups shown of each list and fault."""
    lines: list[str] = []
    shown: dict[tuple[str, Fault], list[MissGroup]] = {}
    for group in groups:
        shown.setdefault((group.kind, group.fault), []).append(group)
    for (kind, fault), own in shown.items():
        total = sum(len(group.misses) for group in own)
        lines.append(f"{kind}: {total} {fault}")
        for group in own[:most]:
            lines.extend(_group_lines(group))
        if left := len(own) - len(own[:most]):
            lines.append(f"  ... and {left} more")
        lines.append("")
    return "\n".join(lines)


def misses_document(groups: list[MissGroup]) -> list[dict[str, Any]]:
    """Return the groups as values for JSON."""
    return [{**asdict(group), "count": len(group.misses)} for group in groups]


def _of_list(
    kind: ScoredKind, paper: str, found: KindMatch, annotation: Annotation
) -> Iterator[Miss]:
    """Yield the mistakes in one list of one paper."""
    faults: tuple[tuple[Fault, tuple[Row, ...]], ...] = (
        ("missed", found.missed),
        ("false", found.false),
    )
    for fault, rows in faults:
        for row in rows:
            where = locate_record(kind, row, annotation)
            yield Miss(
                kind.name, fault, paper, _key(kind, row), *where, **_choice(kind, row, fault)
            )
    for hit in found.hits:
        where = locate_record(kind, hit.gold, annotation)
        for field, agrees in hit.agrees.items():
            if not agrees:
                yield Miss(
                    kind.name,
                    "disagrees",
                    paper,
                    _key(kind, hit.gold),
                    *where,
                    field=field,
                    gold=hit.gold.get(field),
                    predicted=hit.predicted.get(field),
                )


def _key(kind: ScoredKind, row: Row) -> str:
    return str(row.get(kind.key) or "") if kind.rule != "sentence" else str(row.get(kind.key))


def _choice(kind: ScoredKind, row: Row, fault: Fault) -> dict[str, Any]:
    """Return what a record chose, told with it when it has no partner to compare with."""
    field = next((f for f in kind.fields if f.agreement == "equal"), None)
    if field is None:
        return {}
    side = "gold" if fault == "missed" else "predicted"
    return {"field": field.name, side: row.get(field.name)}


def _label(miss: Miss, rule: str) -> str:
    """Return what makes two mistakes the same one: the name, the value, or the two choices."""
    if miss.fault == "disagrees":
        return f"{_said(miss.gold)} taken for {_said(miss.predicted)}"
    if rule == "entity":
        return normal_name(miss.key) or miss.key
    if rule == "value":
        return normal_value(miss.key) or miss.key
    return _said(miss.gold if miss.fault == "missed" else miss.predicted)


def _said(value: Any) -> str:
    return "nothing" if value is None or value == "" else str(value)


def locate_record(kind: ScoredKind, row: Row, annotation: Annotation) -> tuple[int | None, str]:
    """Return the number and the text of the sentence that states *row*.

    A record without a number is looked for: the first sentence that holds its name as a word.
    """
    number = row.get(kind.sentence)
    if isinstance(number, int):
        return number, sentence_text(annotation, number)
    name = str(row.get(kind.key) or "")
    whole = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
    for place in range(len(annotation.get("sentences") or ()) + 1):
        text = sentence_text(annotation, place)
        if name and whole.search(text):
            return place, text
    return None, ""


def sentence_text(annotation: Mapping[str, Any], number: int) -> str:
    """Return a sentence of an annotated paper, the title for 0; empty where it is not known."""
    if number == 0:
        return str(annotation.get("title") or "")
    spans = annotation.get("sentences") or ()
    if not 0 < number <= len(spans):
        return ""
    start, end = spans[number - 1]
    return str(annotation.get("abstract") or "")[start:end]


def _group_lines(group: MissGroup) -> Iterator[str]:
    """Yield a group's heading and one line for each of its mistakes."""
    field = f"{group.field}: " if group.field and group.fault == "disagrees" else ""
    yield f"  {len(group.misses)} × {safe_text(field + group.label)}"
    for miss in group.misses:
        place = f"[{miss.sentence}] " if miss.sentence is not None else ""
        yield safe_text(f"      {miss.paper_id} {miss.key!r} {place}{miss.text}")
