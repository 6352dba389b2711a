"""Which records of one list name the same thing.

A model that is asked for the names in a text lists `MAE`, `masked autoencoders` and `MAEs` as three
things. `join_names` makes one of them, with the others as aliases, and says where each went.

    joined    the same name but for case, punctuation and the plural (`names.name_key`);
              a short form and its long form (`acronyms`); a record and one whose alias it is;
              a name that stands only inside another one (`GNN` where the text has just `SR-GNN`)
    separate  versions and sizes: `ResNet-50` and `ResNet-101`, `BERT-Base` and `BERT`

Not here: the other fields of the records, and references to them, which the index map is for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .acronyms import AcronymPair
from .fold import fold
from .mentions import mentions
from .names import is_variant, name_key
from .text import PaperText


@dataclass(frozen=True, slots=True)
class Named:
    """One thing: the name it is filed under, and its other names."""

    name: str
    aliases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """The things that a list names, and for each record of the list which of them it is."""

    entries: tuple[Named, ...]
    index: tuple[int, ...]


def join_names(
    records: Sequence[tuple[str, Sequence[str]]],
    pairs: Sequence[AcronymPair],
    text: PaperText,
) -> Joined:
    """Return *records* (name and aliases) with those joined that are one thing.

    Entries stand in the order of their first records. An entry is named by its short form where
    the text explains one, else as its first record. Its aliases are those of its records and
    whatever else of its forms the text has: the partner of an acronym, plurals, other case.
    """
    partners = _partners(pairs)
    groups = _groups(records, partners)
    cut = _cut_out(records, groups, partners, text)
    heads = [head for head in dict.fromkeys(groups) if head not in cut]
    members = {head: [at for at, group in enumerate(groups) if group == head] for head in heads}
    own = {name_key(name): groups[at] for at, (name, _) in enumerate(records)}
    entries = []
    for head in heads:
        forms = [form for at in members[head] for form in (records[at][0], *records[at][1])]
        # An alias that names another entry (`BERT-Base` under `BERT`) is left to that one.
        forms = [form for form in forms if own.get(name_key(form), head) == head]
        forms += [form for key in map(name_key, forms[:]) for form in partners.get(key, ())]
        entries.append(_entry(list(dict.fromkeys(forms)), pairs, text))
    return Joined(tuple(entries), tuple(heads.index(cut.get(head, head)) for head in groups))


def _partners(pairs: Iterable[AcronymPair]) -> dict[str, list[str]]:
    """Return the other forms of each form that a pair holds, by its key."""
    partners: dict[str, list[str]] = {}
    for pair in pairs:
        short, long = pair.short.surface, pair.long.surface
        partners.setdefault(name_key(short), []).append(long)
        partners.setdefault(name_key(long), []).append(short)
    return partners


def _groups(
    records: Sequence[tuple[str, Sequence[str]]], partners: dict[str, list[str]]
) -> list[int]:
    """Return for each record the first record that is the same thing."""
    group = list(range(len(records)))
    by_key: dict[str, int] = {}

    def join(at: int, key: str) -> None:
        other = by_key.setdefault(key, at)
        old, new = sorted((group[at], group[other]), reverse=True)
        group[:] = [new if head == old else head for head in group]

    for at, (name, _) in enumerate(records):
        join(at, name_key(name))
    for at, (name, aliases) in enumerate(records):
        for partner in partners.get(name_key(name), ()):
            if name_key(partner) in by_key:
                join(at, name_key(partner))
        for alias in aliases:
            if name_key(alias) in by_key and not is_variant(name, alias):
                join(at, name_key(alias))
    return group


def _cut_out(
    records: Sequence[tuple[str, Sequence[str]]],
    groups: Sequence[int],
    partners: dict[str, list[str]],
    text: PaperText,
) -> dict[int, int]:
    """Return the groups whose name the text has only inside a longer name, and whose that is."""
    cut: dict[int, int] = {}
    folded = [fold(name).text.strip() for name, _ in records]
    for at, name in enumerate(folded):
        around = [other for other, longer in enumerate(folded) if _is_part(name, longer)]
        if not around or groups[at] in cut:
            continue
        forms = [
            form
            for other, (own, aliases) in enumerate(records)
            if groups[other] == groups[at]
            for form in (own, *aliases, *partners.get(name_key(own), ()))
        ]
        compounds = {name_key(records[other][0]): groups[other] for other in around}
        # The longer names take their places first.
        every = mentions([*forms, *(records[other][0] for other in around)], text)
        found = [name_key(mention.surface) for mention in every]
        if found and compounds.keys() >= set(found):
            cut[groups[at]] = compounds[found[0]]
    # `ViT` may be cut from `ViT-B`, which is itself cut from `ViT-B/16`.
    return {head: _last(head, cut) for head in cut if _last(head, cut) != head}


def _last(head: int, cut: dict[int, int]) -> int:
    for _ in cut:
        head = cut.get(head, head)
    return head


def _is_part(name: str, longer: str) -> bool:
    """Return whether *name* is part of a compound, as `GNN` is of `SR-GNN`; both folded."""
    if not name or len(name) >= len(longer) or name not in longer:
        return False
    return re.search(rf"(?:^|(?<=[-/])){re.escape(name)}(?=[-/]|$)", longer) is not None


def _entry(forms: list[str], pairs: Sequence[AcronymPair], text: PaperText) -> Named:
    """Return the forms of one thing as its name and aliases, with those that the text has."""
    keys = {name_key(form) for form in forms}
    shorts = [
        pair.short.surface
        for pair in pairs
        if name_key(pair.short.surface) in keys and not _is_proper(pair.long.surface)
    ]
    present = list(dict.fromkeys(mention.surface for mention in mentions(forms, text)))
    name = _name(forms, shorts, present)
    return Named(name, tuple(form for form in dict.fromkeys(forms + present) if form != name))


def _name(forms: list[str], shorts: list[str], present: list[str]) -> str:
    """Return the form to file a thing under: its short form, in the singular if the text has it."""
    if not shorts:
        return forms[0]
    same = [form for form in [*forms, *shorts] if name_key(form) == name_key(shorts[0])]
    singular = [form for form in same if not form.endswith("s") and form in present]
    return (singular or [form for form in same if form in present] or same)[0]


def _is_proper(name: str) -> bool:
    """Return whether a long form is a name of its own, as `ClusterFit` is beside `CF`."""
    return name.isalpha() and name[1:] != name[1:].lower()
