"""What can be wrong with recordings.

    InputError                 2    (extract.errors)
    ├── CassetteMissing             a question that nobody recorded
    ├── CassetteDamaged             a file that is no cassette, or was changed since
    └── CassettesStale              recordings that no paper asks for any more

All of them mean that what is asked and what is recorded have come apart. None of them is ever
mended by asking a model: that is the caller's decision.
"""

from __future__ import annotations

from extract.errors import InputError


class CassetteMissing(InputError):
    """No recorded answer to this question; the message names the nearest one."""


class CassetteDamaged(InputError):
    """A file of the folder cannot be read as the recording that it was."""


class CassettesStale(InputError):
    """Recordings that nothing played."""
