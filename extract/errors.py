"""What can go wrong, and with which exit code.

    PaperfactsError            1    a bug, or a failure that no class below names
    ├── InputError             2    bad input or usage; no model was called
    ├── PapersFailed           3    finished, and some papers failed; they are listed
    │   └── BudgetReached           the next call might be too much (extract.money)
    ├── ModelError             4    the model cannot be used; the run can be taken up again
    ├── StoreError             5    the database cannot be used
    └── QueryError             6    the query was refused or ran over a limit

A message says what, where and what now; what now is the `hint`. Facts that a caller may
want to act on are attributes of the class that needs them. Exceptions of other libraries
are mapped where they enter, with `raise ... from`.
"""

from __future__ import annotations


class PaperfactsError(Exception):
    """Root of all errors of paperfacts.

    `hint` is the next step for the user, `exit_code` what the command ends with.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class InputError(PaperfactsError):
    """The input or the usage is wrong; no model was called."""

    exit_code = 2


class PapersFailed(PaperfactsError):
    """The run finished, and some papers have no facts; the report lists them."""

    exit_code = 3


class ModelError(PaperfactsError):
    """The model cannot be used: key, quota, unreachable, weights missing, process dead."""

    exit_code = 4


class StoreError(PaperfactsError):
    """The database cannot be used: locked, damaged, written by a newer version, disk full.

    `fault` is which of these, where DuckDB said it: `locked`, `full`, `fsync`, `damaged`,
    `newer`, `foreign` for a file that is no database, `denied`; empty for anything else.
    """

    exit_code = 5

    def __init__(self, message: str, *, hint: str = "", fault: str = "") -> None:
        super().__init__(message, hint=hint)
        self.fault = fault


class QueryError(PaperfactsError):
    """A query was refused, or ran over a limit."""

    exit_code = 6
