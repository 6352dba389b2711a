"""What a paper is, and what it is called.

A paper is what a feed says of it, its text as the feed has it: offsets into `title` and
`abstract` count code points of exactly these strings, so nothing here normalises them. Only
what a database cannot hold is replaced (`storable`), and line ends are written as `\\n`.

Not here: reading feeds, and what to do with a paper that is too long or comes twice.
"""

import hashlib
import re
from dataclasses import dataclass

# Lone surrogates cannot be encoded as UTF-8; NUL and the other control characters (C0 but for
# tab and newline, DEL, C1) break terminals and other people's readers of our tables.
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_DOI = re.compile(r"(?:https?://(?:dx\.|www\.)?doi\.org/|doi:\s*)?(10\.\d+(?:/\S+)?)", re.I)
_ARXIV = re.compile(
    r"(?:oai:arxiv\.org:|arxiv:\s*|https?://(?:[a-z]+\.)?arxiv\.org/(?:abs|pdf|html)/"
    r"|(?:https?://(?:dx\.)?doi\.org/|doi:)?10\.48550/arxiv\.)?"
    r"(\d{4}\.\d{4,5}|[a-z-]+(?:\.[a-z]{2})?/\d{7})(?:v\d+)?(?:\.pdf)?/?",
    re.I,
)
_PMID = re.compile(
    r"(?:pmid:\s*|https?://(?:pubmed|www)\.ncbi\.nlm\.nih\.gov/\D*)?(\d{1,9})/?", re.I
)

Ids = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper as a feed tells it."""

    #: The feed's own id, `doi:…`, `arxiv:…`, `pmid:…`, or `sha:…` where the feed names none.
    paper_id: str
    title: str
    abstract: str
    url: str | None = None
    #: An ISO date or a UTC date-time; `2020` or `2020-05` where the feed says no more.
    published: str | None = None
    authors: tuple[str, ...] = ()
    venue: str | None = None
    #: Pairs of scheme and id in the scheme's normal form: `("arxiv", "2401.00001")`.
    ids: Ids = ()


def storable(text: str) -> tuple[str, int]:
    """Return *text* as it is stored, and how many of its characters became U+FFFD."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text, replaced = _UNSTORABLE.subn("\ufffd", text)
    return text.strip(" \n\t"), replaced


def name_paper(ids: Ids, title: str, abstract: str) -> str:
    """Return the id of a paper: its first id with its scheme, else a hash of its text.

    The readers give the ids in the order in which they name a paper: DOI, arXiv, PMID, the
    source's own.
    """
    if ids:
        scheme, value = ids[0]
        return f"{scheme}:{value}"
    digest = hashlib.sha256(f"{title}\n{abstract}".encode()).hexdigest()
    return f"sha:{digest[:16]}"


def normal_id(scheme: str, value: str) -> str | None:
    """Return the one way to write *value*, an id of *scheme*, or None where it is not one."""
    value = value.strip()
    match scheme:
        case "doi":
            found = _DOI.fullmatch(value)
            # arXiv's own DOIs say no more than the arXiv id.
            return found[1].lower() if found and not _ARXIV.fullmatch(value) else None
        case "arxiv":
            found = _ARXIV.fullmatch(value)
            return found[1] if found else None
        case "pmid":
            found = _PMID.fullmatch(value)
            return found[1] if found else None
    return value or None


def normal_ids(*pairs: tuple[str, object]) -> Ids:
    """Return the ids among *pairs* in normal form and in their order, each scheme once.

    An arXiv DOI (`10.48550/arXiv.2401.00001`) counts as the arXiv id that it holds.
    """
    found: dict[str, str] = {}
    for scheme, value in pairs:
        if not isinstance(value, str | int) or isinstance(value, bool):
            continue
        text, _ = storable(str(value))
        if scheme == "doi" and "arxiv" in text.lower() and normal_id("arxiv", text):
            scheme = "arxiv"
        if (normal := normal_id(scheme, text)) is not None:
            found.setdefault(scheme, normal)
    return tuple(found.items())
