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
    numbers = _one_of(str(sentence.number) for sentence in shown.sentences)
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
            *[f"NUMBER: {numbers}" for compact in wire.kinds if compact.is_keyless][:1],
            'FREE: /[^"\\\\\\x00-\\x1f]{1,200}/',
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
            rule = f"{compact.letter}_row"
            if compact.follows_hints:
                rule += f"_{compact.codes[compact.fields[1].name][candidate.kind]}"
            rows.append(f"{_literal(forced)} {rule}")
        return f'"[" {COMMA.join(rows)} "]"'
    row = f"{ROW} {compact.letter}_row"
    return f'"[" ({row} ("," {row}){{0,{MAX_ROWS - 1}}})? "]"'


def _row_rules(kinds: Iterable[CompactKind]) -> list[str]:
    """Return the rules of each record kind for what follows a row's opening quote."""
    rules = []
    for compact in kinds:
        if compact.kind.per == "sentence":
            continue
        at = 1
        first = _value(compact, compact.fields[0])
        if compact.kind.per == "quantity":
            # The number is forced; after it stands none, or the record's fields.
            at = 2 if compact.has_leading_choice else 1
            some = _value(compact, compact.fields[1]) if at == 2 else _literal(SOME)
            none = _literal(NONE + '"]')
            first = f"{none} | {some}"
        rest = _rest(compact, at)
        if compact.follows_hints:
            rules += [
                f"{compact.letter}_row_{code}: {none} | {_literal(code)} {rest}"
                for code in compact.codes[compact.fields[1].name].values()
            ]
        else:
            rules.append(f"{compact.letter}_row: {first} {rest}")
        rules += _field_rules(compact, at)
    return rules


def _field_rules(compact: CompactKind, start: int) -> list[str]:
    """Return two rules a field: what may follow an entry, and what may follow an empty one.

    A rule for each, not one expression: written out, twelve optional fields are a megabyte.
    """
    rules = []
    for at in range(start, len(compact.fields)):
        f = compact.fields[at]
        ways = [f"{NEXT} {_value(compact, f)} {_rest(compact, at + 1)}"]
        # An empty entry only makes sense where another one follows: the end is left out.
        if not f.required and at + 1 < len(compact.fields):
            ways.append(f"{NEXT} {compact.letter}_skip{at + 1}")
        if at > start and not compact.fields[at - 1].required:
            rules.append(f"{compact.letter}_skip{at}: {' | '.join(ways)}")
        if not any(later.required for later in compact.fields[at:]):
            ways.insert(0, END)
        rules.append(f"{compact.letter}_rest{at}: {' | '.join(ways)}")
    return rules


def _rest(compact: CompactKind, at: int) -> str:
    """Return what follows the entry before field *at*."""
    return f"{compact.letter}_rest{at}" if at < len(compact.fields) else END


def _value(compact: CompactKind, f: TaskField) -> str:
    """Return the terminal that one field may be."""
    if f.type == "choice":
        return _one_of(compact.codes[f.name].values())
    if f.type in ("verbatim", "ref", "quantity"):
        return "NAME"
    if f.type == "sentence":
        return "NUMBER"
    if f.type == "flag":
        return _one_of(["true", "false"])
    return "COUNT" if f.type == "number" else "FREE"


def _one_of(words: Iterable[str]) -> str:
    return "(" + " | ".join(_literal(word) for word in words) + ")"


def _literal(text: str) -> str:
    """Return *text* as a Lark string."""
    return json.dumps(text, ensure_ascii=False)
