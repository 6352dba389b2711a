"""When two names are the same name.

`name_key` joins a name across papers: `ResNet-50`, `ResNet50` and `resnet 50` are one, `ResNet-101`
another. No likeness of strings can do that: `ResNet-50` is as near to `ResNet50` as `CIFAR-10` to
`CIFAR-100`. So letters are compared without case, punctuation and the plural, and digits exactly.

`is_variant` tells a version or size (`BERT-Base` of `BERT`) from another spelling.

Not here: acronyms and their long forms, which only a paper's own text can join (`acronyms`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from .fold import fold

# Signs that make another name: `C++`, `A*`, `C#`; and `3.5` is not `35`.
_TOKEN = re.compile(r"\d+(?:\.\d+)*|[^\W\d_]+|[+*#]+")
_GENERIC = frozenset({
    "dataset", "datasets", "benchmark", "benchmarks", "corpus", "model", "models", "method",
    "methods", "algorithm", "algorithms", "approach", "framework", "frameworks", "module",
    "modules", "mechanism", "architecture", "library", "toolkit",
})  # fmt: skip
_SIZES = frozenset({
    "nano", "tiny", "mini", "small", "medium", "base", "large", "huge", "giant", "big",
    "xs", "s", "m", "b", "l", "h", "g", "xl", "xxl", "xxxl", "k",
})  # fmt: skip


@lru_cache(maxsize=8192)
def name_key(name: str) -> str:
    """Return what all spellings of *name* share; never empty for a name that is not.

    Two numbers in a row stay apart (`LLaMA-2-7B` is not `LLaMA-27B`); the article before a name
    and `dataset`, `model` and the like behind it are no part of it.
    """
    folded = fold(name, case=False).text
    words = _TOKEN.findall(_singular(folded.strip()).casefold())
    if len(words) > 1 and words[0] == "the":
        del words[0]
    while len(words) > 1 and words[-1] in _GENERIC:
        words.pop()
    key = ""
    for word in words:
        key += " " + word if key[-1:].isdigit() and word[0].isdigit() else word
    return key or folded.casefold().strip() or name


def _singular(name: str) -> str:
    """Return *name* without the plural of its last word: `GANs`, `autoencoders`, `Boundaries`."""
    if re.search(r"[^\W\d_]{2}ies$", name):
        return name[:-3] + "y"
    if re.search(r"[^\W\d_](?:ss|x|ch|sh)es$", name):
        return name[:-2]
    return re.sub(r"(?<=[^\W\d_]{2}[^\W\d_sui])s$", "", name)


def is_variant(name: str, other: str) -> bool:
    """Return whether two names differ in their numbers or in a size: versions of one thing.

    A number that stands alone in one of them counts: `GPT` and `GPT-3` are variants too.
    """
    return _distinction(name) != _distinction(other)


def _distinction(name: str) -> tuple[str, ...]:
    """Return the numbers of a name with the letters that follow them, and its size words."""
    words = _TOKEN.findall(fold(name).text)
    kept = [word for word in words[:1] if word[0].isdigit()]
    for before, word in pairwise(words):
        if word[0].isdigit() or word in _SIZES or (before[0].isdigit() and len(word) == 1):
            kept.append(word)
    return tuple(kept)
