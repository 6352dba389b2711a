"""Whether every offset of a database is what it claims, and answers that try to make it wrong.

`adversary` answers about a paper with pieces of its own text: whole names and cut ones, in other
cases, in LaTeX, with slips, several times, citing wrong sentences; and with names and numbers
that the text has not. `wrong_offsets` looks at every row that a run made of such answers, in SQL
and by slicing the stored text. It shares no code with the search but the folding that the grade
`folded` stands for.

    python -m tests.offsets FEED... [--db FILE]     run both over feeds and print what is wrong
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from extract.errors import InputError
from extract.evidence.fold import fold, squeeze
from extract.numbers import find_quantities
from extract.tasks import load_task
from extract.todo import Todo
from tests.replay import replay

KEYS = {"methods": "name", "datasets": "name", "results": "value", "claims": "text"}
SPANS = """
select {label} as what, f.paper_id, f.{key} as said, f.{alignment} as alignment, f.{sentence} as
    sentence, f.{start} as span_start, f.{end} as span_end, {evidence} as evidence,
    case when f.{sentence} = 0 then p.title else p.abstract end as text,
    case when f.{sentence} = 0 then [0, length(p.title)]
        when f.{sentence} > 0 then p.sentence_spans[f.{sentence}] end as bounds
from {table} f join papers p using (paper_id)
"""
WRONG_IN_SQL = """
with spans as ({spans})
select what, paper_id, said, alignment, case
    when alignment = 'missing' then case
        when sentence is not null or span_start is not null or span_end is not null
        then 'missing, with a place' end
    when bounds is null then 'no such sentence'
    when span_start is null or span_end is null or span_start >= span_end then 'no span'
    when span_start < bounds[1] or span_end > bounds[2] then 'outside its sentence'
    when alignment in ('exact', 'mention')
        and substr(text, span_start + 1, span_end - span_start) <> said then 'other characters'
    when evidence <> substr(text, bounds[1] + 1, bounds[2] - bounds[1]) then 'other evidence'
    when alignment not in ('exact', 'case', 'folded', 'fuzzy', 'mention') then 'no grade'
    end as wrong
from spans where wrong is not null
"""
ORPHANS = """
select 'mentions', m.paper_id, m.surface, m.kind, 'of no fact' from mentions m
join current_extractions c using (extraction_id)
where m.fact_id not in ({facts})
union all
select 'mentions', f.paper_id, f.name, f.alignment, 'a name without mentions' from ({named}) f
where f.alignment in ('exact') and f.fact_id not in (select fact_id from mentions)
"""
Wrong = tuple[str, str, str, str, str]

_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
_LOST = re.compile(r"(?:sim|approx|leq?|geq?|pm|times)")
_DIGITS = re.compile(r"\d+")


def spans_sql() -> str:
    """Return a query of every span that a database states: rows, their sides, and mentions."""
    parts = []
    for kind, key in KEYS.items():
        own = ["sentence", "span_start", "span_end", "alignment"]
        names = dict(zip(("sentence", "start", "end", "alignment"), own, strict=True))
        parts.append((f"'{kind}'", key, names, "f.evidence", f"task_facts.{kind}_all"))
    names = {part: f"metric_{part}" for part in ("sentence", "start", "end", "alignment")}
    table = "(select * from task_facts.results_all where metric is not null)"
    parts.append(("'metric'", "metric", names, "null", table))
    names = {"sentence": "sentence", "start": "span_start", "end": "span_end", "alignment": "grade"}
    current = "(select m.*, 'mention' as grade from mentions m"
    current += " join current_extractions using (extraction_id))"
    parts.append(("'mentions'", "surface", names, "null", current))
    return " union all ".join(
        f"({SPANS.format(label=label, key=key, evidence=evidence, table=table, **names)})"
        for label, key, names, evidence, table in parts
    )


def wrong_offsets(db: Path) -> tuple[Counter[str], list[Wrong]]:
    """Return how many spans of each kind and grade were looked at, and those that are wrong."""
    facts = " union all ".join(f"select fact_id from task_facts.{k}_all" for k in KEYS)
    named = " union all ".join(
        f"select fact_id, paper_id, name, alignment from task_facts.{kind}_all"
        for kind in ("methods", "datasets")
    )
    with duckdb.connect(str(db), read_only=True) as connection:
        wrong = connection.execute(WRONG_IN_SQL.format(spans=spans_sql())).fetchall()
        wrong += connection.execute(ORPHANS.format(facts=facts, named=named)).fetchall()
        rows = connection.execute(spans_sql()).fetchall()
    counted: Counter[str] = Counter()
    for what, paper_id, said, alignment, _, start, end, _, text, _ in rows:
        counted[f"{what} {alignment}"] += 1
        if alignment != "missing" and start is not None:
            for reason in _wrong_slice(what, said, alignment, text, start, end):
                wrong.append((what, paper_id, f"{said!r} / {text[start:end]!r}", alignment, reason))
    return counted, wrong


def _wrong_slice(
    what: str, said: str, grade: str, text: str, start: int, end: int
) -> Iterator[str]:
    """Yield what is wrong with one span of a text."""
    at = text[start:end]
    if grade in ("exact", "mention") and at != said:
        yield "the characters differ"
    if grade == "case" and (at == said or at.casefold() != said.casefold()):
        yield "more than the case differs"
    if grade == "folded" and not _folds_to(at, said):
        yield "folds to something else"
    if grade == "fuzzy" and _DIGITS.findall(fold(at).text) != _DIGITS.findall(fold(said).text):
        yield "the digits differ"
    if at != at.strip():
        yield "white space at its ends"
    if what != "claims" and (_is_inside(text, start) or _is_inside(text, end)):
        yield f"cuts a word or number: {text[max(0, start - 5) : end + 5]!r}"


def _folds_to(at: str, said: str) -> bool:
    """Say whether two strings are one after folding, a plural s of the last word aside."""
    one, other = (squeeze(fold(side)).text.strip() for side in (at, said))
    shorter, longer = sorted((one, other), key=len)
    plurals = {shorter, shorter + "s", shorter + "es", shorter.removesuffix("y") + "ies"}
    return longer in plurals


def _is_inside(text: str, at: int) -> bool:
    """Say whether the place before `text[at]` is inside a word or number, written down anew."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if before.isdigit() and after.isdigit():
        return True
    if before.isalnum() and after.isalnum():
        is_lost = _LOST.match(text, at) or re.search(_LOST.pattern + "$", text[max(0, at - 7) : at])
        return not (_UNSPACED.match(before) or _UNSPACED.match(after) or is_lost)
    # 3|.2  3.|2  1,|000  -|3.2 at the beginning of a number
    if before.isdigit() and after in ".,":
        return text[at + 1 : at + 2].isdigit()
    if after.isdigit() and before in ".,":
        return at > 1 and text[at - 2].isdigit()
    return after.isdigit() and before in "-\u2212" and (at < 2 or text[at - 2] in " (=~<>")


def adversary(todo: Todo) -> dict[str, Any]:
    """Return an answer made of the paper's own text, the same for the same paper."""
    chance = random.Random(f"{todo.paper.paper_id} {todo.paper.title}")
    text = todo.text
    written = [text.sentence(n) for n in range(text.last + 1)]
    answer: dict[str, Any] = {"methods": [], "datasets": [], "results": [], "claims": []}
    for kind, role in (("methods", "other"), ("datasets", "used")):
        for _ in range(chance.randint(0, 6)):
            name = _name(chance, chance.choice(written))
            aliases = [_name(chance, chance.choice(written)) for _ in range(chance.randint(0, 2))]
            row = {"name": name, "role": role, "aliases": aliases}
            answer[kind].append(row | {"sentence": _cited(chance, text.last)})
    names = [row["name"] for kind in ("methods", "datasets") for row in answer[kind]] or ["Nothing"]
    for number, sentence in enumerate(written):
        for value in _values(chance, sentence):
            metric = _name(chance, sentence) if chance.random() < 0.6 else None
            cited = number if chance.random() < 0.8 else _cited(chance, text.last)
            row = {"value": value, "kind": chance.choice(["score", "delta", "factor", "size"])}
            row |= {"metric": metric, "dataset": chance.choice(names), "sentence": cited}
            answer["results"].append(row | {"method": chance.choice([*names, None])})
    for _ in range(chance.randint(0, 4)):
        answer["claims"].append({"sentence": _cited(chance, text.last), "type": "finding"})
    return answer


def _cited(chance: random.Random, last: int) -> int:
    return chance.choice([-1, 999, last + 1]) if chance.random() < 0.05 else chance.randint(0, last)


def _name(chance: random.Random, sentence: str) -> str:
    """Return a piece of a sentence, changed in one of many ways."""
    marked = re.findall(r"\b\w*[A-Z]\w*[A-Z0-9]\w*(?:[-.]\w+)*", sentence)
    words = sentence.split() or ["word"]
    at = chance.randrange(len(words))
    piece = " ".join(words[at : at + chance.randint(1, 4)])
    if marked and chance.random() < 0.4:
        piece = chance.choice(marked)
    if chance.random() < 0.5:
        piece = piece.strip(".,;:()[]\"'") or piece
    return chance.choice(_CHANGES)(chance, piece)


def _values(chance: random.Random, sentence: str) -> Iterator[str]:
    """Yield the numbers of a sentence and more, some of them cut, repeated or rewritten."""
    for quantity in find_quantities(sentence):
        value = quantity.value
        for _ in range(chance.choice([0, 1, 1, 1, 2])):
            how = chance.random()
            if how < 0.6:
                yield value
            elif how < 0.9:
                yield chance.choice(_REWRITTEN)(value) or value
            else:
                yield value[chance.randrange(len(value)) :] or value
    if chance.random() < 0.1:
        yield chance.choice(["0.123456", "7", "1", "0", "95", "twice", "10^", "%", "..."])


_CHANGES = (
    *([lambda _, piece: piece] * 4),
    lambda _, piece: piece.upper(),
    lambda _, piece: piece.lower(),
    lambda _, piece: piece.swapcase(),
    lambda _, piece: piece.replace(" ", "~"),
    lambda _, piece: piece.replace(" ", "-"),
    lambda _, piece: piece.replace("-", " "),
    lambda _, piece: piece.replace("-", ""),
    lambda _, piece: piece.replace("-", "\u2013"),
    lambda _, piece: piece.replace(" ", "\n "),
    lambda _, piece: r"\textbf{" + piece + "}",
    lambda _, piece: "$" + piece + "$",
    lambda _, piece: piece.replace("%", r"\%"),
    lambda _, piece: piece + "s",
    lambda _, piece: piece.removesuffix("s"),
    lambda _, piece: piece + "\u00ad",
    lambda _, piece: f"({piece})",
    lambda _, piece: f'"{piece}"',
    lambda chance, piece: piece[: chance.randint(1, len(piece))],
    lambda chance, piece: piece[chance.randrange(len(piece)) :],
    lambda chance, piece: _slipped(chance, piece),
    lambda chance, piece: f"{piece}-{chance.randint(1, 9)}",
    lambda chance, piece: f"Zzyzx{chance.randint(1, 9)}",
)
_REWRITTEN = (
    lambda value: value.replace("%", r"\%"),
    lambda value: value.replace(r"\%", "%"),
    lambda value: value.replace("%", " %"),
    lambda value: value.replace(",", ""),
    lambda value: value.replace("-", "\u2013"),
    lambda value: value.replace("\u2013", "-"),
    lambda value: value.replace("\u00b1", r"\pm"),
    lambda value: value.replace(r"\pm", "\u00b1"),
    lambda value: value.replace("$", ""),
    lambda value: value.rstrip("%\\ "),
    lambda value: f"+{value}",
    lambda value: f"~{value}",
    lambda value: value.lower(),
    lambda value: value.upper(),
    lambda value: f"${value}$",
    lambda value: value.replace(" ", "\u00a0"),
    lambda value: value[:-1],
)


def _slipped(chance: random.Random, piece: str) -> str:
    """Return the piece with two characters exchanged or one left out."""
    at = chance.randrange(len(piece))
    return (
        piece[:at]
        + piece[at + 1 : at + 2]
        + piece[at : at + 1] * chance.randint(0, 1)
        + piece[at + 2 :]
    )


def main() -> None:
    """Run the adversary over feeds, and print what was looked at and what is wrong."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("feed", type=Path, nargs="+")
    parser.add_argument("--db", type=Path)
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        db = options.db or Path(folder) / "offsets.duckdb"
        papers, began = 0, time.perf_counter()
        for feed in options.feed:
            try:
                papers += replay(load_task(), feed, db, adversary, limit=options.limit).papers
            except InputError as error:
                print(error)
        seconds = time.perf_counter() - began
        print(f"{papers} papers in {seconds:.0f} s, {1000 * seconds / max(papers, 1):.1f} per 1000")
        counted, wrong = wrong_offsets(db)
    print(f"{sum(counted.values())} spans:", dict(sorted(counted.items())))
    print(f"{len(wrong)} wrong:", dict(Counter((w[0], w[4].split(":")[0]) for w in wrong)))
    for row in wrong[:60]:
        print(*row, sep=" | ")


if __name__ == "__main__":
    main()
