"""The grammar that holds a local model to one paper.

Written in the Lark dialect of llguidance, which llama.cpp takes in a request's `grammar`. Names
can only be runs of whole words of one sentence, numbers only those that stand in the text,
sentence numbers only those that exist, and every list ends. What a model writes under it is
the compact form of `extract.wire` by construction, and is validated again all the same.

Not here: lists without repeats. A grammar without memory cannot say so; decoding drops them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from extract.shown import ShownPaper
from extract.task import TaskField
from extract.wire import MAX_NAME, MAX_ROWS, NONE, SOME, CompactKind, CompactWire

HEADER = "%llguidance {}\n"
# Pieces of JSON as Lark strings.
QUOTE = json.dumps('"')
ROW = json.dumps('["')
NEXT = json.dumps('","')
END = json.dumps('"]')
COMMA = ' "," '


def compact_grammar(wire: CompactWire, shown: ShownPaper) -> str:
    """Return the grammar of the answers that can be given about this paper."""
    lists = [_list_rule(compact, shown) for compact in wire.kinds]
    opening = "{"
    parts = []
    for compact, rule in zip(wire.kinds, lists, strict=True):
        key = opening + '"' + compact.letter + '":'
        parts.append(f"{_literal(key)} {rule}")
        opening = ","
    return "\n".join(
        [
            HEADER + f"start: {' '.join(parts)} {_literal('}')}",
            *_row_rules(wire.kinds),
            f"NAME: SPAN & /[^\\n]{{1,{MAX_NAME}}}/",
            f"SPAN: %regex {json.dumps({'substring_words': _words(shown)})}",
            "FREE: /[^\"\\\\\\x00-\\x1f]{1,200}/",
            "COUNT: /-?[0-9]{1,12}(\\.[0-9]{1,6})?/",
            "",
        ]
    )


def _words(shown: ShownPaper) -> str:
    """The sentences, one a line: a name may not run over a line's end."""
    return "\n".join(sentence.text for sentence in shown.sentences)


def _list_rule(compact: CompactKind, shown: ShownPaper) -> str:
    """Return the right-hand side for one list."""
    if compact.kind.per == "sentence":
        choices = _one_of([NONE, *compact.codes[compact.fields[0].name].values()])
        labels = [f"{_literal(str(n))} {choices}" for n in range(1, len(shown.sentences))]
        return " ".join([QUOTE, *labels, QUOTE])
    if compact.kind.per == "quantity":
        rows = []
        for candidate in shown.candidates:
            forced = '["' + candidate.shown + '","'
            rows.append(f"{_literal(forced)} {compact.letter}_row")
        return f'"[" {COMMA.join(rows)} "]"'
    row = f"{ROW} {compact.letter}_row"
    return f'"[" ({row} ("," {row}){{0,{MAX_ROWS - 1}}})? "]"'


def _row_rules(kinds: Iterable[CompactKind]) -> list[str]:
    """Return one rule per record kind for what follows a row's opening quote."""
    rules = []
    for compact in kinds:
        if compact.kind.per == "sentence":
            continue
        if compact.kind.per == "quantity":
            rules.append(f"{compact.letter}_row: {_walked(compact)}")
        else:
            first = _value(compact, compact.fields[0])
            rules.append(f"{compact.letter}_row: {first} {_rest(compact, compact.fields[1:])}")
    return rules


def _walked(compact: CompactKind) -> str:
    """After a forced number: none, or the record's fields."""
    none = _literal(NONE + '"]')
    if compact.has_leading_choice:
        some = f"{_value(compact, compact.fields[1])} {_rest(compact, compact.fields[2:])}"
    else:
        some = f"{_literal(SOME)} {_rest(compact, compact.fields[1:])}"
    return f"{none} | {some}"


def _rest(compact: CompactKind, fields: tuple[TaskField, ...]) -> str:
    """Close the entry before; then the fields that follow, each of which may end the row."""
    if not fields:
        return END
    first, tail = fields[0], fields[1:]
    value = _value(compact, first)
    if first.required:
        return f"{NEXT} {value} {_rest(compact, tail)}"
    # An empty entry only makes sense where another one follows: the end is left out.
    empty = f" | {NEXT} {_rest_after_empty(compact, tail)}" if tail else ""
    return f"({END} | {NEXT} {value} {_rest(compact, tail)}{empty})"


def _rest_after_empty(compact: CompactKind, tail: tuple[TaskField, ...]) -> str:
    """After an empty entry: the next field, present or empty in turn."""
    first, after = tail[0], tail[1:]
    filled = f"{NEXT} {_value(compact, first)} {_rest(compact, after)}"
    if first.required or not after:
        return filled
    return f"({filled} | {NEXT} {_rest_after_empty(compact, after)})"


def _value(compact: CompactKind, f: TaskField) -> str:
    """Return the terminal that one field may be."""
    if f.type == "choice":
        return _one_of(compact.codes[f.name].values())
    if f.type in ("verbatim", "ref", "quantity"):
        return "NAME"
    if f.type == "flag":
        return _one_of(["true", "false"])
    return "COUNT" if f.type == "number" else "FREE"


def _one_of(words: Iterable[str]) -> str:
    return "(" + " | ".join(_literal(word) for word in words) + ")"


def _literal(text: str) -> str:
    """Return *text* as a Lark string."""
    return json.dumps(text, ensure_ascii=False)
