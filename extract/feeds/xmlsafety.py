"""Whether an XML feed may be parsed at all.

A document type can define entities that expand a thousandfold or name files of this machine, so
it is refused before a parser sees the document. PubMed's files carry one that only names NLM's
definition elsewhere; that one may pass, since nothing ever fetches it.

The beginning of the document is read, up to its first element: behind it no definition can come.
"""

from xml.parsers import expat

from extract.feeds.errors import FeedFormatError
from extract.feeds.source import Source


class _Root(Exception):
    """The first element is reached."""


def refuse_entities(source: Source, *, allow_external: bool = False) -> None:
    """Raise for a feed with a document type, or with a beginning that is no XML."""
    parser = expat.ParserCreate()

    def meet_doctype(name: str, system: str | None, public: str | None, has_subset: int) -> None:
        if has_subset or not allow_external:
            raise FeedFormatError(
                source.name,
                f"the XML has a document type <!DOCTYPE {name[:40]}>, which can hide entity "
                "bombs and file names",
                hint="Feeds need none. If you trust its source, delete the <!DOCTYPE …> part.",
            )

    def meet_root(name: str, attributes: dict[str, str]) -> None:
        raise _Root

    parser.StartDoctypeDeclHandler = meet_doctype
    parser.StartElementHandler = meet_root
    try:
        parser.Parse(source.head.lstrip(b" \t\r\n"), False)
    except _Root:
        return
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise FeedFormatError(
            source.name,
            f"broken XML before its first element: {error}",
            hint="Fetch it again; a feed begins with <?xml or its first tag.",
        ) from error
    raise FeedFormatError(
        source.name, "the XML has no element", hint="Fetch it again: it seems to be cut off."
    )
