"""Which predicted records of one paper mean which gold records.

Three rules, by the key of the list. `entity`: a name or alias meets a form of a gold entity, and
further forms of the same entity are let be. `value`: one to one where the values are equal, pairs
that agree in most attributes first. `sentence`: sets of sentence numbers.

Nothing is lost: a gold record is hit or missed, a predicted one is in a hit, false, or a repeat
of one that is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from extract.evaluation.normal import is_same_phrase, normal_name, normal_value
from extract.evaluation.plan import Plan, ScoredField, ScoredKind

Row = Mapping[str, Any]
Annotation = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hit:
    """A gold record and the predicted one that means it; for each scored field, do they agree."""

    gold: Row
    predicted: Row
    agrees: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class KindMatch:
    """What became of the gold and the predicted records of one list of one paper."""

    hits: tuple[Hit, ...]
    missed: tuple[Row, ...]
    false: tuple[Row, ...]


PaperMatch = Mapping[str, KindMatch]


def match_paper(plan: Plan, gold: Annotation, predicted: Annotation) -> PaperMatch:
    """Match every list of one paper; a list that is not there counts as empty."""
    judge = _Judge(plan, gold)
    rules = {"entity": _match_entities, "value": _match_values, "sentence": _match_sentences}
    return {
        kind.name: rules[kind.rule](
            kind, gold.get(kind.name) or (), predicted.get(kind.name) or (), judge
        )
        for kind in plan
    }


class _Judge:
    """Says whether two records agree; knows the entities of the paper's gold lists."""

    def __init__(self, plan: Plan, gold: Annotation) -> None:
        self.entities = {
            kind.name: entity_index(kind, gold.get(kind.name) or ())
            for kind in plan
            if kind.rule == "entity"
        }

    def agreements(self, kind: ScoredKind, gold: Row, predicted: Row) -> dict[str, bool]:
        """Say for each scored field whether the two records agree in it."""
        return {
            f.name: self._agrees(f, gold.get(f.name), predicted.get(f.name)) for f in kind.fields
        }

    def _agrees(self, field: ScoredField, gold: Any, predicted: Any) -> bool:
        if field.agreement == "equal":
            return bool(gold == predicted)
        if field.agreement == "words":
            return is_same_phrase(gold, predicted)
        if not gold or not predicted:
            return not gold and not predicted
        one, other = normal_name(gold), normal_name(predicted)
        known = self.entities.get(field.target, {})
        return one == other or (one in known and known[one] == known.get(other))


def entity_forms(kind: ScoredKind, row: Row) -> list[str]:
    """Return the normal forms of a record's name and aliases, the name first."""
    aliases = (row.get(kind.aliases) or ()) if kind.aliases else ()
    return [normal_name(form) for form in (row.get(kind.key), *aliases)]


def entity_index(kind: ScoredKind, rows: Sequence[Row]) -> dict[str, int]:
    """Return which of *rows* each normal form belongs to; the first one, where two share it."""
    index: dict[str, int] = {}
    for place, row in enumerate(rows):
        for form in filter(None, entity_forms(kind, row)):
            index.setdefault(form, place)
    return index


def _match_entities(
    kind: ScoredKind, gold: Sequence[Row], predicted: Sequence[Row], judge: _Judge
) -> KindMatch:
    """Match by name: the first prediction that meets an entity hits it."""
    index = judge.entities[kind.name]
    hits: dict[int, Hit] = {}
    false: list[Row] = []
    for row in predicted:
        # The reference takes any of the entities met; the one met by the name is the sensible one.
        place = next((index[f] for f in entity_forms(kind, row) if f in index), None)
        if place is None:
            false.append(row)
        elif place not in hits:
            hits[place] = Hit(gold[place], row, judge.agreements(kind, gold[place], row))
    missed = (row for place, row in enumerate(gold) if place not in hits)
    return KindMatch(tuple(hits.values()), tuple(missed), tuple(false))


def _match_values(
    kind: ScoredKind, gold: Sequence[Row], predicted: Sequence[Row], judge: _Judge
) -> KindMatch:
    """Match one to one among equal values, the pair that agrees in most fields first."""
    written = [normal_value(row.get(kind.key)) for row in predicted]
    pairs = []
    for g, row in enumerate(gold):
        value = normal_value(row.get(kind.key))
        for p, other in enumerate(predicted):
            if written[p] == value:
                agrees = judge.agreements(kind, row, other)
                pairs.append((-sum(agrees.values()), g, p, agrees))
    hits: dict[int, Hit] = {}
    taken: set[int] = set()
    for _, g, p, agrees in sorted(pairs, key=lambda pair: pair[:3]):
        if g not in hits and p not in taken:
            hits[g] = Hit(gold[g], predicted[p], agrees)
            taken.add(p)
    missed = (row for g, row in enumerate(gold) if g not in hits)
    false = (row for p, row in enumerate(predicted) if p not in taken)
    return KindMatch(tuple(hits.values()), tuple(missed), tuple(false))


def _match_sentences(
    kind: ScoredKind, gold: Sequence[Row], predicted: Sequence[Row], judge: _Judge
) -> KindMatch:
    """Match by sentence number; where one comes twice, the last record speaks for it."""
    wanted = {row.get(kind.key): row for row in gold}
    found = {row.get(kind.key): row for row in predicted}
    hits = (
        Hit(row, found[number], judge.agreements(kind, row, found[number]))
        for number, row in wanted.items()
        if number in found
    )
    missed = (row for number, row in wanted.items() if number not in found)
    false = (row for number, row in found.items() if number not in wanted)
    return KindMatch(tuple(hits), tuple(missed), tuple(false))
