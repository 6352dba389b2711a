"""Signs that a paper's text was written for a machine to read, and not for people.

An abstract can hold orders to a model, forged answers, and characters that nobody sees. A model
that must name numbers will name a forged one too: it stands in the text. Nothing is changed or
dropped for a sign; it is told, so that a person looks at the paper before its facts are believed.

    hidden      characters without a shape: zero-width, tags, soft hyphens
    direction   characters that turn the reading direction
    control     characters that a database cannot hold, here already U+FFFD
    template    marks of a chat template, turns of a chat
    fence       marks that would end the text inside a prompt
    markup      tags, comments and colours that a page would hide
    answer      JSON as a model would answer it
    order       words that speak to a model or to its program
    encoded     long stretches of base64

Not here: lies in plain prose. An abstract that states a false number states it.
"""

from __future__ import annotations

import re

# What each sign looks like, in the order in which signs are told. Each was tried on thousands of
# abstracts of a field that writes about models and prompts all day. No pattern nests repeats:
# a stranger's text must not be able to make a search slow.
_SAY = r"(?:list|report|return|write|output|add|include|extract)"
_MODEL = (
    r"(?:(?:ai|language|automatic) )?(?:assistant|llm|chatbot|model|ai system|reader|machine)s?"
)
# An order holds one of the words on its left: most abstracts have none of them, and are not
# searched for its pattern. Both are in small letters, as the text is then.
_ORDERS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (tuple(words.split("/")), re.compile(pattern, re.M))
    for words, pattern in (
        (
            "ignore/disregard/forget/override",
            r"\b(?:ignore|disregard|forget|override) "
            r"(?:all|any|every|the|previous|prior|these|about) (?:\w+ ){0,3}"
            r"(?:instructions?|prompts?|guidelines?|abstract|above|facts|text)\b"
            r"|\b(?:ignore|disregard|forget) the (?:abstract|above|paper|text)\b",
        ),
        (
            "dear /note to/attention,/instruction",
            rf"\b(?:dear|note to|attention,|instructions? (?:to|for)) (?:the |an? )?{_MODEL}\b",
        ),
        (
            "(/[/<",
            rf"[\[(<]\s*(?:(?:note )?to )?(?:the )?{_MODEL}: ",
        ),
        (
            "should/must/has to/have to",
            rf"\b{_MODEL} (?:should|must|has to|have to) (?:\w+ )?{_SAY}\b",
        ),
        ("system", r"\b(?:your|the) system prompt\b|\bsystem notice\b"),
        ("new task/new instruction", r"(?:^|[.:>`-] ?)new (?:task|instructions?):"),
        ("you ", rf"\byou are now an? |\bwhen you {_SAY}\b"),
        (
            "answer",
            r"\b(?:right|correct|expected) answer (?:for|to|about) this (?:paper|abstract)\b",
        ),
        (
            "empty list/no record/no fact",
            rf"\b{_SAY} (?:\w+ ){{0,2}}(?:empty lists?|no (?:records|facts))\b",
        ),
        ("to be ", r"\bto be (?:used|listed|reported) (?:as|instead)\b"),
        (
            "vergiss alle/ignor/忽略",
            r"\bvergiss alle\b|\bignorez? (?:les|toutes les) |\bignora (?:todas )?las\b|忽略",
        ),
    )
)
_SIGNS: dict[str, re.Pattern[str]] = {
    "hidden": re.compile("[\u00ad\u180e\u200b-\u200d\u2060-\u2064\ufeff\U000e0000-\U000e007f]"),
    "direction": re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"),
    "control": re.compile("\ufffd"),
    "template": re.compile(
        r"<\|[a-z_]+\|>|\[/?INST\]|<</?SYS>>|</?s>|<(?:start|end)_of_turn>"
        r"|^#{2,4} ?(?:Instruction|Response|Input|System)s?:"
        r"|^(?:Human|User|Assistant|System): ",
        re.M | re.I,
    ),
    "fence": re.compile(
        r'```|"""|<<<+|>>>+|^-{3,}|-{3,}$|^\[\d+\] '
        r"|</?(?:paper|abstract|document|text|title|instructions?|system|user|prompt)\b[^<>]*>",
        re.M | re.I,
    ),
    "markup": re.compile(
        r"<!--|<tool_call>|\\textcolor\{(?:white|#fff)|javascript:|display: ?none", re.I
    ),
    "answer": re.compile(r'[{\[,] ?"[$\w]+" ?: ?[\[{"\d]|"\} ?\]|\[\["'),
}


_BASE64 = re.compile(r"(?<![\w/+.-])[A-Za-z0-9+/]{24,}={0,2}(?!\w)")


def machine_signs(title: str, abstract: str) -> list[str]:
    """Return the names of the signs in a paper's text, in a fixed order; none for most papers."""
    text = f"{title}\n{abstract}"
    signs = [name for name, sign in _SIGNS.items() if sign.search(text)]
    if _has_order(text.lower()):
        signs.append("order")
    if any(map(_is_mixed, _BASE64.findall(text))):
        signs.append("encoded")
    return signs


def _has_order(text: str) -> bool:
    """True where *text*, in small letters, speaks to a machine."""
    return any(
        any(word in text for word in words) and pattern.search(text) for words, pattern in _ORDERS
    )


def _is_mixed(stretch: str) -> bool:
    """True for capitals, small letters and digits in one word: no long name has all of them."""
    return all(re.search(kind, stretch) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
