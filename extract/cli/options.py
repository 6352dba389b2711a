"""Options that several commands share, in groups that they take whole.

A group is a dataclass whose fields become options of the command that has it as a parameter.
What was given weighs more than variables and files: `settled` puts them together.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from extract.settings import Settings


@Parameter(name="*")
@dataclass(frozen=True)
class Asking:
    """How a model is asked, and about which task.

    Parameters
    ----------
    base_url
        URL of a server that speaks the OpenAI protocol; its key, if any, in PAPERFACTS_API_KEY.
    mode
        How a hosted model is held to the schema: tools, json_schema or responses.
    task
        What to extract: facts (the default), or a folder with schema.yaml and prompt.md.
    concurrency
        Calls at a time; by default 8 for hosted models, and 2 for local ones where there is room
        for two processes.
    rpm
        Requests a minute at most; without it the provider's own headers decide.
    tpm
        Input and output tokens a minute at most.
    """

    base_url: str | None = None
    mode: str | None = None
    task: str | None = None
    concurrency: int | None = None
    rpm: int | None = None
    tpm: int | None = None


@Parameter(name="*")
@dataclass(frozen=True)
class Bounds:
    """What a run on a database is held to.

    Parameters
    ----------
    lock_wait
        Seconds to wait for another run on the same database to end; 5 by default.
    min_grounded
        End with exit code 3 where a smaller share of the facts stands in the text: 0.95.
    budget
        Dollars that all runs on this database may cost together: 5.00; with a plus, that this run
        may cost: +5.00. Every call reserves the most that it can cost; exit code 3 when reached.
    """

    lock_wait: float | None = None
    min_grounded: float | None = None
    budget: str | None = None


@Parameter(name="*")
@dataclass(frozen=True)
class Taking:
    """Which papers of a feed are taken, and how it is read.

    Parameters
    ----------
    format
        Format of the feed, where it is not found out.
    columns
        Which column of a table, or key of a JSON record, is which field: abstract=Summary. May
        be given several times; fields are id, title, abstract, url, published, authors, venue.
    limit
        Papers to take from the feed at most.
    """

    format: str | None = None
    columns: Annotated[list[str] | None, Parameter(name="--columns")] = None
    limit: int | None = None

    def run_options(self) -> dict[str, Any]:
        """Return the fields of `RunOptions` that these are; raise `InputError` for a wrong one."""
        from extract.errors import InputError

        check_limit(self.limit)
        pairs = self.columns or []
        if wrong := [pair for pair in pairs if "=" not in pair]:
            raise InputError(
                f"--columns {wrong[0]}", hint="Write it as --columns abstract=Summary."
            )
        named = (pair.partition("=") for pair in pairs)
        columns = {field: column for field, _, column in named} or None
        return {"format": self.format, "columns": columns, "limit": self.limit}


AS_SET = Asking()
NO_BOUNDS = Bounds()
WHOLE = Taking()


def check_limit(limit: int | None) -> None:
    """Raise `InputError` where *limit* lets no paper through."""
    from extract.errors import InputError

    if limit is not None and limit < 1:
        raise InputError(f"--limit {limit}: no paper would be taken", hint="Give 1 or more.")


def settled(*groups: Asking | Bounds, **own: Any) -> Settings:
    """Return the settings of a command: its options, then variables, files and defaults."""
    from extract.settings import settle

    given: dict[str, Any] = {}
    for group in groups:
        given |= asdict(group)
    return settle(**given, **own)
