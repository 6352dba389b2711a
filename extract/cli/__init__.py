"""The command line: one parse, one library call, one print per command.

Commands are imported when they are called, so `--help` costs no SDK and no database. Data goes
to stdout, everything else to stderr. Errors of ours end with their exit code and say what, where
and what now; anything else is a bug and ends with 1.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

from cyclopts import App, Parameter

COMMANDS = {
    "run": ("extract.cli.running:run_feed", "Extract the facts of a feed into a database."),
    "batch": ("extract.cli.batching:batches", "See, fetch and end batches of `run --batch`."),
    "sql": ("extract.cli.querying:sql", "Query the database with one read-only statement."),
    "show": ("extract.cli.showing:show_paper", "Show a paper with its evidence highlighted."),
    "export": ("extract.cli.exporting:export", "Write a table to JSONL, CSV or Parquet."),
    "audit": (
        "extract.cli.auditing:audit",
        "Say which numbers of the papers no fact accounts for.",
    ),
    "eval": ("extract.cli.evaluating:evaluate_model", "Score a model or database against gold."),
    "train": ("extract.cli.training:train_model", "Train an adapter of the embedded model."),
    "probe": ("extract.cli.probing:probe_model", "Say whether a model reads, or takes orders."),
    "record": (
        "extract.cli.recording:record_feed",
        "Record a model's answers, to be replayed without it.",
    ),
    "diff": ("extract.cli.diffing:diff", "Compare two sets of facts, fact by fact."),
    "replay": (
        "extract.cli.replaying:replay",
        "Derive the facts of a database again from its stored answers.",
    ),
    "config": ("extract.cli.configuring:show_config", "Show every setting, and where it is from."),
    "doctor": ("extract.cli.doctor:doctor", "Check a database; say what is wrong, and what now."),
    "repair": ("extract.cli.doctor:repair", "Save what can be read of a damaged database."),
    "models": ("extract.cli.models:list_models", "List the local models."),
}


class Terminated(KeyboardInterrupt):
    """SIGTERM came: what is open is closed and temporary files are removed, as after Ctrl-C."""


def build_app() -> App:
    """Return the command line with its commands, none of them imported yet."""
    from extract.version import tool_version

    app = App(
        name="paperfacts",
        help="Turn a feed of paper abstracts into a SQL database of the facts they state.",
        version=tool_version,
        # A flag is given or left out: --no-force would only lengthen the help.
        default_parameter=Parameter(negative=()),
        help_format="plaintext",  # rendering Markdown costs 60 ms
        suppress_keyboard_interrupt=False,  # it would end with what we take for bad usage
        help_epilogue="Start with: paperfacts run FEED --db papers.duckdb",
    )
    for place, (name, (where, words)) in enumerate(COMMANDS.items()):
        # `batch` is an App of its own commands, which takes no settings from here.
        formatted = {} if name == "batch" else {"help_format": "markdown"}
        app.command(where, name=name, help=words, sort_key=place, **formatted)
    return app


def main() -> None:
    """Run the command of `sys.argv` and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    with suppress(ValueError):  # called outside the main thread, which alone may take signals
        signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_guarded(sys.argv[1:]))


def _terminate(number: int, frame: FrameType | None) -> None:
    """Leave through every open block; a second SIGTERM leaves at once."""
    signal.signal(number, signal.SIG_DFL)
    raise Terminated


def _guarded(tokens: list[str]) -> int:
    """Run a command; say what went wrong, and return the exit code."""
    from extract.cli.failing import explain
    from extract.errors import PaperfactsError

    try:
        result = build_app()(tokens, result_action="return_value")
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except PaperfactsError as error:
        explain(error, as_json="--json" in tokens)
        return error.exit_code
    except BrokenPipeError:
        # The reader left (`| head`): nothing more to say, and no complaint at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Terminated:
        return 128 + signal.SIGTERM
    except KeyboardInterrupt:
        return 130
    except SystemExit as stop:
        # cyclopts ends this way on --help (0) and on bad usage.
        return 2 if stop.code not in (0, None) else 0
