"""Honest variations of an annotated abstract: what is taught of each stays true of its text.

    swapped_names      names give way to names of other papers, in the text and in the labels
    swapped_numbers    stated numbers become others of the same look, in the text and in the labels
    shuffled           the sentences of the abstract come in another order
    with_latex         remnants of LaTeX appear, as abstracts have them that were never cleaned

Each is checked before it is used: the new example must teach the same answer, with the new
words in the place of the old ones, and every label that stood in the text must stand in the
new one. Where that fails, the abstract is returned as it was. Sums do not survive swapped
numbers ("from 74.3 to 78.1, +3.8"), and neither does "it" a shuffle.

Not here: leaving sentences out (`examples`), and how often each is done (`plan`).
"""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from extract.errors import InputError
from extract.sentences import split_sentences
from extract.shown import clean, show
from extract.task import Task
from extract.training.examples import Annotation, as_paper, example
from extract.wire import CompactWire

Names = Mapping[tuple[str, ...], Sequence[str]]
"""Names that may stand for each other, by record kind and look."""

_WORDS = ("verbatim", "aliases", "quantity", "ref")
_DIGITS = re.compile(r"\d(?:[\d.,]*\d)?")
_BARE_PERCENT = re.compile(r"(?<!\\)%")
SET_SHARE = 0.3
"""How many of a paper's names and numbers are set as LaTeX, where it is varied so at all."""

_MARKUP = ("\\textbf{{{}}}", "\\emph{{{}}}", "\\textsc{{{}}}", "{{\\em {}}}")


def names_of(annotations: Iterable[Annotation], task: Task) -> Names:
    """Return the names that have no aliases: nothing else in their texts depends on them."""
    found: dict[tuple[str, ...], dict[str, None]] = defaultdict(dict)
    for annotation in annotations:
        for kind, name in _lone_names(annotation, task):
            found[_look(kind, name)][name] = None
    return {look: list(names) for look, names in found.items()}


def swapped_names(
    annotation: Annotation, task: Task, rng: random.Random, names: Names
) -> Annotation:
    """Put names of *names* in the place of about half of the paper's own."""
    text = _text(annotation)
    own = [(kind, name) for kind, name in _lone_names(annotation, task) if name in text]
    if not own:
        return annotation
    new = {name: name for name in _all_names(annotation, task)}
    for kind, name in rng.sample(own, (len(own) + 1) // 2):
        pool = names.get(_look(kind, name), ())
        free = [n for n in pool if n.lower() not in text.lower() and n not in new.values()]
        if free:
            new[name] = rng.choice(free)
    pattern = re.compile(rf"(?<!\w)(?:{_any_of(new)})(?!\w)")
    return _rewritten(annotation, task, pattern, lambda match: new[match[0]])


def swapped_numbers(annotation: Annotation, task: Task, rng: random.Random) -> Annotation:
    """Give the stated numbers other digits; names that hold numbers keep theirs."""
    new = {name: name for name in _all_names(annotation, task)}
    values = [v for kind, f, v in _labels(annotation, task) if f == "quantity"]
    text = _text(annotation)
    for value in dict.fromkeys(values):
        other = _other_number(value, rng)
        if value not in new and other not in text and other not in new.values():
            new[value] = other
    if not new:
        return annotation
    pattern = re.compile(rf"(?<![\w.,+/–−-])(?:{_any_of(new)})(?![\w%\\-]|[.,]\d)")
    return _rewritten(annotation, task, pattern, lambda match: new[match[0]])


def shuffled(annotation: Annotation, task: Task, rng: random.Random) -> Annotation:
    """Put the abstract's sentences in another order; what cites them follows."""
    abstract = annotation["abstract"]
    spans = annotation.get("sentences") or split_sentences(abstract)
    order = list(range(1, len(spans) + 1))
    rng.shuffle(order)
    moved, new_spans = {0: 0}, []
    joined = ""
    for place, number in enumerate(order, 1):
        start, end = spans[number - 1]
        joined += " " if joined else ""
        new_spans.append([len(joined), len(joined) + end - start])
        joined += abstract[start:end]
        moved[number] = place
    after = {**annotation, "abstract": joined, "sentences": new_spans}
    for kind in task.kinds:
        assert kind.sentence is not None
        cited = kind.sentence.name
        after[kind.name] = [
            {**row, cited: moved.get(row[cited], row[cited])} if cited in row else row
            for row in annotation[kind.name]
        ]
    is_same = _is_sound(annotation, after, task, lambda answer: _unordered(answer, task))
    return after if is_same else annotation


def with_latex(annotation: Annotation, task: Task, rng: random.Random) -> Annotation:
    """Escape per cent signs, and set some names and numbers as LaTeX would."""
    after = _rewritten(annotation, task, _BARE_PERCENT, lambda match: "\\%")
    quoted = list(dict.fromkeys((f, words) for _, f, words in _labels(after, task)))
    for f, words in quoted:
        if f == "aliases" or rng.random() >= SET_SHARE:
            continue
        if f == "quantity":
            pattern, mark = rf"(?<![\w.,+$–−-]){re.escape(words)}(?![\w%$\\-]|[.,]\d)", "${}$"
        else:
            pattern, mark = rf"(?<![\w\\{{]){re.escape(words)}(?!\w)", rng.choice(_MARKUP)
        set_words = _constant(mark.format(words))
        after = _rewritten(after, task, re.compile(pattern), set_words, in_labels=False)
    return after


def _constant(words: str) -> Callable[[re.Match[str]], str]:
    return lambda match: words


def _rewritten(
    annotation: Annotation,
    task: Task,
    pattern: re.Pattern[str],
    new: Callable[[re.Match[str]], str],
    *,
    in_labels: bool = True,
) -> Annotation:
    """Replace what *pattern* finds in title, abstract and labels; as it was where that is unsound.

    Without *in_labels* the labels stay, and so must the answer.
    """
    abstract = annotation["abstract"]
    matches = list(pattern.finditer(abstract))
    spans = annotation.get("sentences") or split_sentences(abstract)
    if any(m.start() < edge < m.end() for span in spans for edge in span for m in matches):
        return annotation
    after = {
        **annotation,
        "title": pattern.sub(new, annotation["title"]),
        "abstract": pattern.sub(new, abstract),
        "sentences": [[_moved(edge, matches, new) for edge in span] for span in spans],
    }

    def renamed(words: str) -> str:
        return pattern.sub(new, words) if in_labels else words

    for kind in task.kinds:
        fields = [f.name for f in kind.fields if f.type in _WORDS]
        after[kind.name] = [
            {key: _each(value, renamed) if key in fields else value for key, value in row.items()}
            for row in annotation[kind.name]
        ]
    if after == annotation:
        return annotation
    wanted = _cells(example(task, annotation).answer, lambda cell: clean(renamed(cell)))
    is_sound = _is_sound(annotation, after, task, wanted=wanted)
    return after if is_sound else annotation


def _is_sound(
    before: Annotation,
    after: Annotation,
    task: Task,
    view: Callable[[str], Any] = json.loads,
    *,
    wanted: Any = None,
) -> bool:
    """Say whether *after* teaches what it should, with every label where it can be found."""
    try:
        taught = view(example(task, after).answer)
    except InputError:
        return False
    if taught != (view(example(task, before).answer) if wanted is None else wanted):
        return False
    old, new = show(as_paper(before)), show(as_paper(after))
    pairs = zip(_labels(before, task), _labels(after, task), strict=True)
    return all(
        new.locate(clean(label)) is not None
        for (_, _, former), (_, _, label) in pairs
        if old.locate(clean(former)) is not None
    )


def _cells(answer: str, renamed: Callable[[str], str]) -> Any:
    """Return a compact answer as data, each cell of a row renamed."""
    return {
        letter: [[renamed(cell) if len(cell) > 1 else cell for cell in row] for row in rows]
        if isinstance(rows, list)
        else rows
        for letter, rows in json.loads(answer).items()
    }


def _unordered(answer: str, task: Task) -> Any:
    """Return a compact answer as data that says nothing of the order of sentences."""
    keyless = {compact.letter for compact in CompactWire(task).kinds if compact.is_keyless}
    return {
        letter: sorted(row[1:] if letter in keyless else row for row in rows)
        if isinstance(rows, list)
        else sorted(re.findall(r"\D", rows))
        for letter, rows in json.loads(answer).items()
    }


def _labels(annotation: Annotation, task: Task) -> Iterable[tuple[str, str, str]]:
    """Yield record kind, field type and words of every label that quotes the text."""
    for kind in task.kinds:
        for row in annotation[kind.name]:
            for f in kind.fields:
                value = row.get(f.name) if f.type in _WORDS else None
                for words in value if isinstance(value, list) else [value]:
                    if words:
                        yield kind.name, f.type, words


def _all_names(annotation: Annotation, task: Task) -> list[str]:
    """Return all names and aliases of a paper, each once."""
    keys = {k.name for k in task.kinds if k.key is not None and k.key.type == "verbatim"}
    return list(dict.fromkeys(w for kind, _, w in _labels(annotation, task) if kind in keys))


def _lone_names(annotation: Annotation, task: Task) -> Iterable[tuple[str, str]]:
    """Yield kind and name of the records that go by one name only."""
    for kind in task.kinds:
        if kind.key is None or kind.key.type != "verbatim":
            continue
        aliases = kind.first("aliases")
        for row in annotation[kind.name]:
            if not (aliases and row.get(aliases.name)):
                yield kind.name, row[kind.key.name]


def _look(kind: str, name: str) -> tuple[str, ...]:
    """Return what two names must share to stand for each other."""
    return (kind, "one" if " " not in name else "many", "Aa"[name == name.lower()])


def _other_number(value: str, rng: random.Random) -> str:
    """Return *value* with other digits: as many, zeros where there were, shares below 100."""
    runs = list(_DIGITS.finditer(value))
    if len(runs) != 1 or value in ("0", "1"):
        return value
    digits = runs[0][0]
    is_share = "%" in value
    whole = re.split(r"[.,]", digits)[0]
    new = "".join(
        c
        if not c.isdigit() or c == "0" or (at == 0 and is_share and len(whole) > 1)
        else str(rng.randint(2, 9))
        for at, c in enumerate(digits)
    )
    return value[: runs[0].start()] + new + value[runs[0].end() :]


def _any_of(words: Iterable[str]) -> str:
    """Return a pattern for any of *words*, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


def _moved(edge: int, matches: Sequence[re.Match[str]], new: Callable[[re.Match[str]], str]) -> int:
    """Return where an offset of the old text lies in the new one."""
    return edge + sum(len(new(m)) - len(m[0]) for m in matches if m.end() <= edge)


def _each(value: Any, renamed: Callable[[str], str]) -> Any:
    """Rename a label, or each of a list of them."""
    if isinstance(value, list):
        return [renamed(each) for each in value]
    return renamed(value) if isinstance(value, str) else value


def _text(annotation: Annotation) -> str:
    return f"{annotation['title']}\n{annotation['abstract']}"
