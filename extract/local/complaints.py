"""What llama.cpp says went wrong, found in its stderr.

It answers a failed start with "please check the input params", and a broken grammar with a
normal completion. The reason stands on stderr only, among lines that follow from it.
"""

from __future__ import annotations

import re

MAX_LINES = 3

_STAMP = r"(?:[\d.]+ )?"  # "0.00.026.872 ", time since the start
_ERROR = re.compile(rf"{_STAMP}E (?P<text>.*)")
_GRAMMAR = re.compile(
    rf"^(?:{_STAMP}E llg error|WARNING: JSON schema conversion was incomplete): (?P<reason>.*)$",
    re.MULTILINE,
)
_UNFORMATTED = re.compile(r"\w*(?:Error|Exception)\b|.*GGML_ASSERT|.*GGML_ABORT|terminate called")
_SOURCE = re.compile(r"^(?:\w+ +)?[\w() ]{1,32}: +")  # the function that complains
_CONSEQUENCES = (
    "failed to load model",
    "encountered an error while trying to fit params",
    "exiting due to model loading error",
    "Failed to init server",
    "llg error:",
)


def complaints(stderr: str) -> str:
    """Return the telling lines of *stderr*, joined; empty if there is none.

    A grammar that was dropped is none of them: the process does not end by it.
    """
    lines = [text for line in stderr.splitlines() if (text := _complaint(line))]
    return "; ".join(list(dict.fromkeys(lines))[-MAX_LINES:])


def grammar_complaints(stderr: str) -> list[str]:
    """Return why grammars were dropped, or schemas only half kept to, in order."""
    return [match["reason"] for match in _GRAMMAR.finditer(stderr)]


def _complaint(line: str) -> str:
    """Return what *line* complains about; empty if it does not, or only of a consequence."""
    if any(words in line for words in _CONSEQUENCES):
        return ""
    if match := _ERROR.match(line):
        return _SOURCE.sub("", match["text"]).strip()
    return line.strip() if _UNFORMATTED.match(line) else ""
