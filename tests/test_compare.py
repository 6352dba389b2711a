"""Two sets of facts are aligned fact by fact, whatever the order of their rows."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from extract.compare import Comparison, Difference, KindCounts, compare, mirrored
from extract.differences import as_json, as_text
from extract.tasks import load_task

TASK = load_task("facts")
PAPER = "arxiv:2401.00001"

Row = dict[str, Any]


def method(name: str = "DDAE", **columns: Any) -> Row:
    """Return the row of a method."""
    place = {"sentence": 1, "span_start": 3, "span_end": 7, "alignment": "exact"}
    return {"name": name, "role": "proposed", "aliases": [], **place, **columns}


def result(value: str = "95.9%", **columns: Any) -> Row:
    """Return the row of a result."""
    place = {"sentence": 2, "span_start": 40, "span_end": 45, "alignment": "exact"}
    return {"value": value, "number": 95.9, "kind": "score", "metric": None, **place, **columns}


def claim(text: str, sentence: int, **columns: Any) -> Row:
    """Return the row of a claim."""
    return {"text": text, "sentence": sentence, "type": "result", **columns}


def facts(**kinds: list[Row]) -> dict[str, dict[str, Any]]:
    """Return a set with one paper."""
    return {PAPER: {"title": "A paper", **kinds}}


def outcomes(comparison: Comparison) -> list[tuple[str, str, str]]:
    """Return outcome, kind and key of every difference."""
    return [(d.outcome, d.kind, d.key) for d in comparison.differences]


def test_equal_rows_are_the_same_whatever_their_ids() -> None:
    """Ids and positions say where a row came from, and nothing about the fact."""
    found = compare(
        facts(methods=[method(fact_id="a", position=0, completion_key="k1-a")]),
        facts(methods=[method(fact_id="b", position=4, completion_key="k1-b")]),
        TASK,
    )

    assert found.is_same
    assert KindCounts(same=1) == found.kinds["methods"]


def test_a_changed_field_is_named_with_both_values() -> None:
    """The fact is known by its name; its role and its place are what changed."""
    found = compare(
        facts(methods=[method()]), facts(methods=[method(role="other", sentence=2)]), TASK
    )

    assert [("changed", "methods", "DDAE")] == outcomes(found)
    assert {"role": ("proposed", "other"), "sentence": (1, 2)} == found.differences[0].changes


def test_a_fact_at_another_place_is_moved() -> None:
    """Sentence and span are the place of a fact; nothing of the fact itself changed."""
    found = compare(
        facts(methods=[method()]), facts(methods=[method(span_start=9, span_end=13)]), TASK
    )

    assert [("moved", "methods", "DDAE")] == outcomes(found)


def test_the_place_of_a_metric_is_a_place_too() -> None:
    """A side span that shifts moves the result, and does not change it."""
    one = result(metric="accuracy", metric_start=10, metric_end=18)
    found = compare(facts(results=[one]), facts(results=[{**one, "metric_start": 11}]), TASK)

    assert [("moved", "results", "95.9%")] == outcomes(found)


def test_another_name_is_one_fact_lost_and_one_new() -> None:
    """Names are compared as they are stored: case counts."""
    found = compare(facts(methods=[method("BERT")]), facts(methods=[method("Bert")]), TASK)

    assert [("lost", "methods", "BERT"), ("new", "methods", "Bert")] == outcomes(found)


def test_rows_with_one_key_are_paired_by_what_else_they_say() -> None:
    """Two results say 50; each finds its own, and only the one that changed is told."""
    first = result("50", metric="accuracy", sentence=1, span_start=5, span_end=7)
    second = result("50", metric="recall", sentence=3, span_start=90, span_end=92)
    found = compare(
        facts(results=[first, second]),
        facts(results=[{**second, "metric": "F1"}, first]),
        TASK,
    )

    assert [("changed", "results", "50")] == outcomes(found)
    assert {"metric": ("recall", "F1")} == found.differences[0].changes


def test_the_second_of_two_equal_rows_is_lost() -> None:
    """A fact counts as often as it is there."""
    found = compare(facts(results=[result(), result()]), facts(results=[result()]), TASK)

    assert KindCounts(same=1, lost=1) == found.kinds["results"]


def test_a_claim_is_known_again_by_its_text_when_sentences_shift() -> None:
    """A sentence before it is new: the claim moved, and is not another one."""
    found = compare(facts(claims=[claim("We win.", 1)]), facts(claims=[claim("We win.", 2)]), TASK)

    assert [("moved", "claims", "We win.")] == outcomes(found)


def test_a_claim_is_known_again_by_its_number_when_its_words_change() -> None:
    """The sentence was edited: its text is what changed."""
    found = compare(
        facts(claims=[claim("We win.", 1)]), facts(claims=[claim("We often win.", 1)]), TASK
    )

    assert [("changed", "claims", "sentence 1")] == outcomes(found)
    assert {"text": ("We win.", "We often win.")} == found.differences[0].changes


def test_a_column_that_one_side_lacks_says_nothing() -> None:
    """Expected rows may hold the fields of the schema alone."""
    expected = {"name": "DDAE", "role": "proposed", "sentence": 1}

    assert compare(facts(methods=[expected]), facts(methods=[method()]), TASK).is_same


def test_the_order_of_aliases_does_not_matter() -> None:
    """Aliases are a set of forms."""
    one, other = method(aliases=["a", "b"]), method(aliases=["b", "a"])

    assert compare(facts(methods=[one]), facts(methods=[other]), TASK).is_same


def test_papers_of_one_side_are_told_apart_and_not_counted() -> None:
    """A paper that was not extracted has lost nothing."""
    other = {"arxiv:2401.00002": {"title": "Another", "methods": [method()]}}
    found = compare(facts(methods=[method()]) | other, facts(methods=[method()]), TASK)

    assert {"arxiv:2401.00002": "Another"} == found.only_before
    assert KindCounts(same=1) == found.total
    assert not found.is_same


def test_a_paper_with_another_text_is_named() -> None:
    """Offsets into another text mean other words, so a reader has to know."""
    found = compare({PAPER: {"abstract": "BERT wins."}}, {PAPER: {"abstract": "GPT wins."}}, TASK)

    assert (PAPER,) == found.text_changed


def test_rates_are_of_the_side_that_has_the_fact() -> None:
    """Lost is a share of what was there before, new of what is there now."""
    counts = KindCounts(same=6, changed=1, lost=1, new=3)

    assert (0.125, 0.125, 0.3) == tuple(counts.rate(o) for o in ("lost", "changed", "new"))
    assert 0.0 == KindCounts().rate("lost")


def test_a_difference_is_one_line_with_paper_kind_key_and_change() -> None:
    """A reader learns what changed without opening the database."""
    before = facts(methods=[method(), method("BERT", sentence=2)])
    after = facts(methods=[method(role="other", span_start=9, span_end=13)])

    lines = as_text(compare(before, after, TASK)).splitlines()

    assert (
        "~ changed  arxiv:2401.00001 A paper  methods: DDAE  "
        "role: proposed -> other; span: 3-7 -> 9-13"
    ) in lines
    assert "- lost     arxiv:2401.00001 A paper  methods: BERT  [2]" in lines


def test_text_of_papers_cannot_steer_a_terminal() -> None:
    """A title and a name with escapes are shown as escapes, on one line."""
    before = {PAPER: {"title": "T\x1b[2J", "methods": [method("a\nb")]}}
    text = as_text(compare(before, {PAPER: {}}, TASK))

    assert "T\\x1b[2J" in text and "a\\nb" in text and "\x1b" not in text


def test_a_long_list_is_cut_and_says_so() -> None:
    """The table of differences is bounded."""
    before = facts(methods=[method(f"M{i}") for i in range(5)])

    assert as_text(compare(before, facts(), TASK), most=3).endswith("and 2 more differences")


def test_json_has_counts_rates_and_both_rows() -> None:
    """A program finds everything that the text says."""
    document = as_json(compare(facts(methods=[method()]), facts(), TASK))

    assert {"lost": 1, "lost_rate": 1.0, "after": 0} == {
        name: document["kinds"]["methods"][name] for name in ("lost", "lost_rate", "after")
    }
    assert "DDAE" == document["differences"][0]["before"]["name"]
    assert document["differences"][0]["after"] is None


# Few values, so that keys, places and whole rows collide.
PLACES = st.fixed_dictionaries(
    {"sentence": st.sampled_from([None, 0, 1, 2]), "span_start": st.sampled_from([0, 5])}
)
METHODS = st.builds(
    lambda place, name, role: {**place, "name": name, "role": role},
    PLACES,
    st.sampled_from("AB"),
    st.sampled_from(["proposed", "other"]),
)
RESULTS = st.builds(
    lambda place, value, number, rest: {**place, "value": value, "number": number, **rest},
    PLACES,
    st.sampled_from(["50", "50%"]),
    st.sampled_from([50, 50.0, 0.5, None]),
    st.fixed_dictionaries({}, optional={"metric": st.sampled_from([None, "F1"])}),
)
CLAIMS = st.builds(
    lambda text, sentence, kind: {"text": text, "sentence": sentence, "type": kind},
    st.sampled_from(["We win.", "We lose."]),
    st.sampled_from([1, 2]),
    st.sampled_from(["result", "finding"]),
)
SETS = st.dictionaries(
    st.sampled_from(["p1", "p2"]),
    st.fixed_dictionaries(
        {
            "methods": st.lists(METHODS, max_size=4),
            "results": st.lists(RESULTS, max_size=5),
            "claims": st.lists(CLAIMS, max_size=4),
        }
    ),
)


def told(differences: tuple[Difference, ...]) -> Counter[str]:
    """Return the differences as a bag: the order follows the side that comes first."""
    return Counter(
        repr((d.paper_id, d.kind, d.outcome, d.key, sorted(d.changes.items()), d.before, d.after))
        for d in differences
    )


@given(SETS)
def test_a_set_compared_with_itself_is_the_same(one: dict[str, Any]) -> None:
    """Nothing is lost, new, moved or changed."""
    found = compare(one, one, TASK)

    assert found.is_same
    rows = sum(len(rows) for paper in one.values() for rows in paper.values())
    assert KindCounts(same=rows) == found.total


@given(SETS, SETS, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_papers_never_matters(
    one: dict[str, Any], other: dict[str, Any], random: Any
) -> None:
    """Shuffled rows give the same comparison, to the last word."""

    def shuffled(papers: dict[str, Any]) -> dict[str, Any]:
        names = random.sample(list(papers), len(papers))
        return {
            name: {kind: random.sample(rows, len(rows)) for kind, rows in papers[name].items()}
            for name in names
        }

    assert compare(one, other, TASK) == compare(shuffled(one), shuffled(other), TASK)


@settings(max_examples=300)
@given(SETS, SETS)
def test_the_other_direction_says_the_mirrored_same(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    """What is lost in one direction is new in the other; changes swap their sides."""
    there = compare(one, other, TASK)
    back = mirrored(compare(other, one, TASK))

    assert there.kinds == back.kinds
    assert told(there.differences) == told(back.differences)
    assert (there.only_before, there.only_after) == (back.only_before, back.only_after)


@given(SETS, SETS)
def test_every_row_is_accounted_for_once(one: dict[str, Any], other: dict[str, Any]) -> None:
    """The counts add up to the rows of both sides."""
    both = one.keys() & other.keys()
    found = compare(one, other, TASK).total

    assert sum(len(rows) for p in both for rows in one[p].values()) == found.before
    assert sum(len(rows) for p in both for rows in other[p].values()) == found.after
