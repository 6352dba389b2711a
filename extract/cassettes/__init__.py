"""Recorded answers: a model may change, but not silently.

A recording is made at the seam between the pipeline and whatever answers (`extract.session`):
a question goes in, an outcome comes out, and neither knows of HTTP. It is named by the key of
its request, so it answers exactly the question that it was recorded for.
"""

from extract.cassettes.cassette import Cassette, NotACassette, cassette_of, loads
from extract.cassettes.errors import CassetteDamaged, CassetteMissing, CassettesStale
from extract.cassettes.folder import Cassettes
from extract.cassettes.modes import MODES, Mode, default_mode, mode_of
from extract.cassettes.session import CassetteSession, stale_lines

__all__ = [
    "MODES",
    "Cassette",
    "CassetteDamaged",
    "CassetteMissing",
    "CassetteSession",
    "Cassettes",
    "CassettesStale",
    "Mode",
    "NotACassette",
    "cassette_of",
    "default_mode",
    "loads",
    "mode_of",
    "stale_lines",
]
