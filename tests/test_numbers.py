"""Numbers in text: what one phrase says, where phrases stand, which role and kind they have."""

import csv
import importlib.util
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extract.numbers import (
    NumberMention,
    Quantity,
    classify_numbers,
    find_quantities,
    is_relative,
    kind_hint,
    parse_quantity,
)

ROOT = Path(__file__).resolve().parent.parent
GOLD = ROOT.parent / "shared" / "gold"


def written_phrases() -> list[dict[str, str]]:
    with (ROOT / "fixtures" / "quantities.csv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def number_in(cell: str) -> float | None:
    return float(cell) if cell else None


def is_near(expected: float | None, actual: float | None) -> bool:
    if expected is None or actual is None:
        return expected is actual
    return math.isclose(expected, actual, rel_tol=1e-12)


@pytest.mark.parametrize("row", written_phrases(), ids=lambda row: row["value"] or "empty")
def test_a_written_phrase_has_these_fields(row: dict[str, str]):
    """Each row of the table is read as the table says."""
    read = parse_quantity(row["value"], row["context"])

    for field in ("number", "low", "high"):
        assert is_near(number_in(row[field]), getattr(read, field)), field
    expected = (row["unit"] or None, row["comparator"], row["shape"])
    assert expected == (read.unit, read.comparator, read.shape)


def test_the_table_has_enough_phrases():
    """The table of written phrases is the promise; a shrinking table would weaken it."""
    rows = {(row["value"], row["context"]) for row in written_phrases()}

    assert len(rows) >= 280


def test_an_unreadable_phrase_has_no_number():
    """What is no number is kept as written, without numbers and without an error."""
    assert Quantity(
        "ResNet-50", 0, 9, None, None, None, None, "=", "unread", None
    ) == parse_quantity("ResNet-50")


def found(text: str) -> list[str]:
    return [quantity.value for quantity in find_quantities(text)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("achieves 95.9% and 50.0% on CIFAR-10", ["95.9%", "50.0%"]),
        ("improves from 74.3 to 78.1", ["74.3", "78.1"]),
        ("gains of 1.9-3.4% on GLUE", ["1.9-3.4%"]),
        ("an accuracy of 81.2 ± 0.4 in total", ["81.2 ± 0.4"]),
        (r"an acceleration of $1.11\times$ to $1.61\times$", [r"1.11\times", r"1.61\times"]),
        (r"using 3.3$\times$ less data", [r"3.3$\times$"]),
        ("29.6 percentage points better", ["29.6"]),
        ("a 14B-parameter model", ["14B"]),
        ("3.5 billion images in 48 GPU hours", ["3.5 billion", "48 GPU hours"]),
        ("a 300m*230m campus, two 50 m x 50 m rooms", ["300m*230m", "50 m", "50 m"]),
        ("334/706 questions were kept", ["334/706"]),
        ("up to ~95% of tokens", ["~95%"]),
        (r"reaches 61.14\%accuracy", [r"61.14\%"]),
        ("reaches 95% 3D accuracy with 2 GPUs", ["95%", "2"]),
        ("Version 1.2.3 and GPT-4o", []),
    ],
)
def test_phrases_are_found_as_the_guide_writes_them(text: str, values: list[str]):
    """Unit, sign and magnitude belong to the value; points, names and versions do not."""
    assert values == found(text)


def roles(text: str, *names: str) -> list[tuple[str, str]]:
    return [
        (mention.quantity.value, mention.role)
        for mention in classify_numbers(text, extra_names=names)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GPT-3 has 175B parameters", [("3", "name"), ("175B", "quantity")]),
        ("wav2vec 2.0", [("2", "name"), ("2.0", "name")]),
        ("ViT-B/16 on ImageNet-21K", [("16", "name"), ("21", "name")]),
        ("3D and 2D", [("3", "name"), ("2", "name")]),
        ("F1, BLEU-4, top-1, Top-5", [("1", "name"), ("4", "name"), ("1", "name"), ("5", "name")]),
        ("R^2 on H100, L2, k@10", [("2", "name"), ("100", "name"), ("2", "name"), ("10", "name")]),
        ("FLAN-PaLM 62B wins", [("62B", "name")]),
        ("in a 6-DoF task", [("6", "name")]),
        ("shown before [12, 13]", [("12", "citation"), ("13", "citation")]),
        ("(Radford et al., 2021)", [("2021", "citation")]),
        ("published in 2019", [("2019", "year")]),
        ("on the BraTS 2025 data", [("2025", "year")]),
        ("with 2000 images", [("2000", "quantity")]),
        ("(1) a model, (2) a loss", [("1", "list_mark"), ("2", "list_mark")]),
        ("as follows: 1) we do; 2) we did", [("1", "list_mark"), ("2", "list_mark")]),
        ("https://x.org/a1/2 is up", [("1", "url"), ("2", "url")]),
        ("arXiv:2101.00027", [("2101.00027", "url")]),
        ("runs in $O(n^2)$ time", [("2", "formula")]),
        ("the index $x_1$", [("1", "formula")]),
        ("won 1st place in the 2nd stage", [("1st", "quantity"), ("2nd", "name")]),
        ("as Table 2 shows", [("2", "name")]),
        ("a Dice of 0.437", [("0.437", "quantity")]),
        ("PSNR 32.1 and BLEU 34", [("32.1", "quantity"), ("34", "quantity")]),
        (r"agreement ($\kappa > 0.90$)", [("0.90", "quantity")]),
        ("top 10% of the data", [("10%", "quantity")]),
    ],
)
def test_a_number_has_its_role(text: str, expected: list[tuple[str, str]]):
    """Names, citations, years, list marks, URLs and formulas hold numbers that state nothing."""
    assert expected == roles(text)


def test_a_known_name_keeps_its_numbers():
    """A number inside a name that the caller knows is a part of the name."""
    assert [("50", "name")] == roles("on the CoRe 50 benchmarks", "CoRe 50")


@pytest.mark.parametrize(
    ("value", "sentence", "kind"),
    [
        ("95.9%", "We achieve 95.9% accuracy.", "score"),
        ("3.6%", "It improves the performance by 3.6%.", "delta"),
        ("19.5%", "an average 19.5% reduction in errors", "delta"),
        ("+2.1", "a gain of +2.1 BLEU", "delta"),
        ("29.6", "an improvement of 29.6 percentage points over baselines", "delta"),
        ("3x", "It is 3x faster.", "factor"),
        ("16 times", "with 16 times fewer parameters", "factor"),
        ("15 times", "answered each question 15 times using a prompt", "size"),
        ("161", "With 161 subjects, we train.", "size"),
        ("1.5B", "a 1.5B parameter model", "size"),
        ("33 ms", "delays beyond 33 ms", "size"),
        ("8.6%", "improves from 8.6% to 59.0%", "score"),
        ("59.0%", "improves from 8.6% to 59.0%", "score"),
        ("1st", "won the 1st place", "score"),
    ],
)
def test_the_words_beside_a_number_hint_at_its_kind(value: str, sentence: str, kind: str):
    """The form and the nearest words tell a score, a change, a factor and a size apart."""
    assert kind == kind_hint(parse_quantity(value), sentence)


@pytest.mark.parametrize(
    ("value", "sentence", "expected"),
    [
        ("5%", "achieves a 5% relative improvement", True),
        ("22.8%", "achieving a 22.8% relative improvement over the SOTA", True),
        ("40%", "reduces the inference latency by 40%", True),
        ("30%", "uses 30% fewer parameters", True),
        ("74%", "and a 74% memory reduction", True),
        ("12%", "a relative WER reduction of 12%", True),
        ("5%", "an absolute improvement of 5%", False),
        ("2.3", "gains 2.3 percentage points", False),
        ("1.4", "drops by 1.4 points", False),
        ("5%", "improves accuracy by 5%", None),
        ("95%", "reaches 95% accuracy", None),
        ("3x", "is 3x faster", None),
    ],
)
def test_a_percent_is_relative_only_where_the_text_says_so(
    value: str, sentence: str, expected: bool | None
):
    """A share of the old value, a difference in points, or not said."""
    assert expected is is_relative(parse_quantity(value), sentence)


decimals = st.decimals(min_value="0.01", max_value="999.99", places=2)


@given(decimals)
def test_a_percent_is_a_hundred_times_its_fraction(number):
    """Writing a share as a percent and as a fraction states the same number."""
    percent, fraction = parse_quantity(f"{number}%"), parse_quantity(f"{number / 100}")

    assert percent.number is not None
    assert is_near(percent.number / 100, fraction.number)


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_a_fraction_is_its_quotient(part: int, whole: int):
    """A fraction of two whole numbers is their quotient, to fifteen digits."""
    assert parse_quantity(f"{part}/{whole}").number == pytest.approx(part / whole, rel=1e-13)


@given(
    decimals, decimals, st.sampled_from(["K", "M", "B", " million", " billion", "%", "x", " ms"])
)
def test_a_common_unit_keeps_the_order(one, other, unit: str):
    """Of two phrases with one unit the larger numeral states the larger number."""
    smaller, larger = sorted((one, other))
    low, high = parse_quantity(f"{smaller}{unit}"), parse_quantity(f"{larger}{unit}")

    assert low.number is not None
    assert high.number is not None
    assert (smaller < larger) == (low.number < high.number)


@given(decimals, decimals, st.sampled_from(["-", "–", "--", " to "]))
def test_a_range_holds_its_ends_in_order(one, other, dash: str):
    """A range has its smaller end first, and no single number."""
    read = parse_quantity(f"{one}{dash}{other}%")

    assert (None, *sorted((float(one), float(other)))) == (read.number, read.low, read.high)


@given(st.integers(0, 10**12))
def test_grouping_digits_does_not_change_the_number(number: int):
    """`1,281,167` and `1281167` are one number."""
    assert float(number) == parse_quantity(f"{number:,}").number


number_like = st.text(
    st.sampled_from(list("0123456789.,-–−+%$\\{}()[]<>~±×x^_/: ²½\nkMBeE@aZ\u202f٣")), max_size=60
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(number_like, st.text(max_size=60)))
def test_every_phrase_is_a_slice_of_its_text(text: str):
    """Offsets are those of the text as given, in order and without overlap."""
    end = 0
    for quantity in find_quantities(text):
        assert text[quantity.start : quantity.end] == quantity.value
        assert end <= quantity.start < quantity.end
        end = quantity.end


@settings(max_examples=300, deadline=None)
@given(st.one_of(number_like, st.text(max_size=60)))
def test_every_digit_belongs_to_one_mention(text: str):
    """The audit counts each digit of a text once, whatever the text is."""
    owners = Counter(
        at
        for mention in classify_numbers(text)
        for at in range(mention.quantity.start, mention.quantity.end)
    )

    assert all(count == 1 for count in owners.values())
    assert all(owners[at] == 1 for at, char in enumerate(text) if char.isdigit())


@given(st.one_of(number_like, st.text(max_size=60)))
def test_any_value_is_read_without_an_error(value: str):
    """Whatever a model hands in, the numbers are finite or there are none."""
    read = parse_quantity(value, value)

    stated = [part for part in (read.number, read.low, read.high) if part is not None]
    assert all(math.isfinite(part) for part in stated)
    assert (value, 0, len(value)) == (read.value, read.start, read.end)


def cpu_s(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


@pytest.mark.parametrize("char", ["1", " ", "-", "$", "(", "\\", "a", "~", "\n", ".", "{"])
def test_a_long_run_of_one_character_costs_little(char: str):
    """Two hundred thousand digits, spaces or dashes take no more than seconds."""
    assert cpu_s(lambda: classify_numbers(char * 200_000)) < 6


@pytest.mark.parametrize(
    "unit",
    [
        "1 ",
        "1-",
        ",111",
        "$1",
        "(1",
        "[1,",
        "1.",
        "1/",
        "1x",
        "1 000 ",
        "Name 2 ",
        "10^",
        "1e",
        "http://a1 ",
        "up to 5 ",
        "A-1",
        "2020, ",
        "5% and ",
        "1±",
        "1:",
        "et al. 2020; ",
        "O(1",
    ],
)
def test_time_grows_with_the_length_and_not_with_its_square(unit: str):
    """Eight times the text takes about eight times as long, where a square would take 64."""
    short, long = unit * (1600 // len(unit)), unit * (12800 // len(unit))
    one = min(cpu_s(lambda: classify_numbers(short)) for _ in range(2))

    assert cpu_s(lambda: classify_numbers(long)) < 24 * one + 0.2


Found = tuple[int, NumberMention, str]


def mentions_of(paper: dict) -> Iterator[Found]:
    """Yield the quantities of a paper with their sentence number and source text."""
    for mention in classify_numbers(paper["title"]):
        yield 0, mention, paper["title"]
    for mention in classify_numbers(paper["abstract"]):
        start = mention.quantity.start
        begun = sum(begin <= start for begin, _ in paper["sentences"])
        yield max(1, begun), mention, paper["abstract"]


def counted(paper: dict, normal: Callable[[str], str]) -> Counter[str]:
    """Count the gold values of a paper that are found, missed, extra, and of the hinted kind."""
    count: Counter[str] = Counter()
    left = [found for found in mentions_of(paper) if found[1].role == "quantity"]
    for result in paper["results"]:
        wanted = (result["sentence"], normal(result["value"]))
        same = [f for f in left if wanted == (f[0], normal(f[1].quantity.value))]
        count["found" if same else "missed"] += 1
        if same:
            left.remove(same[0])
            count["kind"] += kind_hint(same[0][1].quantity, same[0][2]) == result["kind"]
    count["extra"] = len(left)
    return count


@pytest.mark.skipif(not GOLD.exists(), reason=f"needs the annotated abstracts of {GOLD}")
def test_the_gold_values_of_papers_not_developed_on_are_found():
    """On the odd papers of the gold file, which no rule was written from, the rules hold up.

    Measured: recall 0.970, precision 0.956, kind 0.896 of 337 values.
    """
    spec = importlib.util.spec_from_file_location("gold_score", GOLD / "score.py")
    assert spec is not None
    assert spec.loader is not None
    score = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(score)
    with (GOLD / "train.jsonl").open(encoding="utf-8") as lines:
        papers = [json.loads(line) for line in lines][1::2]

    total = sum((counted(paper, score.nval) for paper in papers), Counter())

    assert total["found"] / (total["found"] + total["missed"]) >= 0.96
    assert total["found"] / (total["found"] + total["extra"]) >= 0.94
    assert total["kind"] / total["found"] >= 0.88
