"""Each miss and false find is told with its sentence."""

from pathlib import Path

from extract.evaluation import evaluate, group_misses, misses_text, read_annotations
from extract.evaluation.misses import MissGroup, misses_document
from extract.schemas.facts import ANSWER
from extract.task import describe

TASK = describe("facts", ANSWER)
EXAMPLE = Path(__file__).parent.parent / "fixtures" / "eval"


def example_groups() -> list[MissGroup]:
    gold = read_annotations(EXAMPLE / "gold.jsonl", TASK)
    predicted = read_annotations(EXAMPLE / "predicted.jsonl", TASK)
    return group_misses(evaluate(gold, predicted, TASK, resamples=0))


def test_every_mistake_of_the_example_is_in_a_group() -> None:
    """By list and fault, then the most frequent first; the names are normal forms."""
    expected = [
        ("methods", "missed", "greedy placement", 1),
        ("methods", "missed", "tidenet", 1),
        ("methods", "false", "gauge record", 1),
        ("methods", "disagrees", "proposed taken for other", 1),
        ("datasets", "missed", "deltaset", 1),
        ("results", "missed", "14", 1),
        ("results", "missed", "40m", 1),
        ("results", "missed", "70.5%", 1),
        ("results", "false", "2", 1),
        ("results", "disagrees", "DeltaSet taken for HarbourSet", 1),
        ("results", "disagrees", "score taken for delta", 1),
        ("results", "disagrees", "corpus taken for announcements", 1),
        ("claims", "missed", "finding", 2),
        ("claims", "false", "result", 1),
        ("claims", "disagrees", "contribution taken for finding", 1),
    ]

    assert expected == [(g.kind, g.fault, g.label, len(g.misses)) for g in example_groups()]


def test_a_miss_is_told_with_its_sentence() -> None:
    """A name without a sentence number is found where it first stands."""
    group = next(g for g in example_groups() if g.label == "tidenet")

    miss = group.misses[0]

    assert ("lantern", 3) == (miss.paper_id, miss.sentence)
    assert miss.text.startswith("Lanternfish reaches 91.4%")
    assert miss.text.endswith("where TideNet had 70.5%.")


def test_the_text_has_a_line_for_each_mistake() -> None:
    """Heading, group, then the papers of the group."""
    lines = misses_text([g for g in example_groups() if g.kind == "claims"]).splitlines()

    expected = [
        "claims: 2 missed",
        "  2 × finding",
        "      ferry '3' [3] We find that wind noise matters more than accent.",
        "      beacon '2' [2] We prove that greedy placement is optimal on trees.",
    ]

    assert expected == lines[:4]


def test_the_document_counts_each_group() -> None:
    """The JSON form holds the same groups with their counts."""
    groups = example_groups()

    assert [len(g.misses) for g in groups] == [g["count"] for g in misses_document(groups)]
