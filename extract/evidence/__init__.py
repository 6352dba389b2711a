"""Tying what a model says to the characters of the paper that say it.

    text        a paper's text with numbered sentences
    align       where a quote stands, and how well it agrees
    mentions    every place where a thing is named
    acronyms    short forms that the paper explains
    joining     which records of a list are the same thing
    names       when two names are the same name

Pure functions over frozen values: nothing here reads a file, asks a model or changes a text.
"""

from .acronyms import AcronymPair, acronym_pairs
from .align import Alignment, Grade, align
from .joining import Joined, Named, join_names
from .mentions import Mention, mentions
from .names import is_variant, name_key
from .text import PaperText, Passage

__all__ = [
    "AcronymPair",
    "Alignment",
    "Grade",
    "Joined",
    "Mention",
    "Named",
    "PaperText",
    "Passage",
    "acronym_pairs",
    "align",
    "is_variant",
    "join_names",
    "mentions",
    "name_key",
]
