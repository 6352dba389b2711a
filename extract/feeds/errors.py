"""Why a feed cannot be read.

    InputError                exit code 2
    └── FeedError             any of these
        ├── FeedPathError     no such file, a folder, a device, not readable
        ├── FeedBytesError    not text: empty, binary, broken or encrypted gzip, encoding
        ├── FeedTooLarge      more decoded bytes than allowed
        ├── FeedFormatError   text, but in no format that we know, or broken in it
        └── NoPapersError     read to the end, and no paper with an abstract in it

Each names the feed in its message, and says in `hint` what to do now. What is wrong with one
record of a feed is no error but a `FeedProblem`: the others are still read.
"""

from extract.errors import InputError
from extract.feeds.problem import Problems


class FeedError(InputError):
    """A feed cannot be read."""

    def __init__(self, source: str, what: str, *, hint: str) -> None:
        super().__init__(f"{source}: {what}", hint=hint)
        self.source = source


class FeedPathError(FeedError):
    """There is no file to read at the path."""


class FeedBytesError(FeedError):
    """The bytes of the feed are not text."""


class FeedTooLarge(FeedError):
    """The feed, or a line of it, has more decoded bytes than allowed."""


class FeedFormatError(FeedError):
    """The text of the feed is in no known format, or broken in its own."""


class NoPapersError(FeedError):
    """The feed was read to its end without meeting a paper with an abstract."""

    def __init__(self, source: str, what: str, *, hint: str, problems: Problems) -> None:
        super().__init__(source, what, hint=hint)
        self.problems = problems


#: What third-party parsers raise on text that their authors did not think of. Each reader turns
#: these into its own error or problem, around the one call of the parser.
PARSER_FAULTS = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    RuntimeError,
    OSError,
    SyntaxError,
)
