"""Saves what can be read of a damaged database into a new one.

Nothing here opens the database: a process copies it and its log into a folder of their own, and
another one opens the copies: with the log, with the log cut before its damage, and without it.
What can be read of the best of them is written into a new file.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extract.errors import InputError, StoreError
from extract.store.connection import check_path
from extract.store.copying import copy_file, wal_path
from extract.store.faults import not_ours, store_error
from extract.store.layout import SCHEMA_VERSION
from extract.store.lock import run_lock
from extract.store.state import read_state, write_state
from extract.version import tool_version

_CHILD = Path(__file__).with_name("repair_child.py")
_PLACE = re.compile(r"entry at byte position (\d+)")

WITH, CUT, WITHOUT = "with its log", "log up to the damage", "without its log"
NO_LOG = "as it is"


@dataclass
class Way:
    """One way to open a copy: the rows of each table, or DuckDB's words."""

    name: str
    path: Path
    tables: dict[str, int | None] = field(default_factory=dict)
    error: str = ""

    @property
    def rows(self) -> int:
        """Rows that can be read."""
        return -1 if self.error else sum(n or 0 for n in self.tables.values())

    @property
    def unread(self) -> int:
        """Tables that cannot be read as a whole."""
        return sum(n is None for n in self.tables.values())


@dataclass(frozen=True)
class Repaired:
    """What was saved. `counts` has the rows of each table by the way the copy was opened."""

    database: str
    to: str
    used: str
    counts: dict[str, dict[str, int | None]]
    errors: dict[str, str]
    tables: dict[str, dict[str, int]]
    left_out: int
    lost_commits: int

    def lines(self) -> list[str]:
        """Return the report, a line each."""
        lines = [f"{way}: {words}" for way, words in self.errors.items()]
        ways = list(self.counts)
        lines.append("  ".join(f"{head:>21}" for head in [*ways, "saved", "lost"]) + "  table")
        for name, saved in self.tables.items():
            cells = [self.counts[way].get(name) for way in ways]
            shown = ["?" if n is None else f"{n:,}" for n in cells]
            shown += [f"{saved['kept']:,}", f"{saved['lost']:,}"]
            lines.append("  ".join(f"{cell:>21}" for cell in shown) + f"  {name}")
        if self.left_out:
            lines.append(
                f"{self.left_out} extractions had lost their paper, their answer or some of their"
                " facts, and are left out: a run derives them anew"
            )
        if self.lost_commits:
            lines.append(
                f"the last {self.lost_commits} commits that were confirmed are not in it: run the"
                " same feed again"
            )
        lines.append(
            f"{self.to} was written from {self.database} {self.used}, which was not touched"
        )
        lines.append(f"next: paperfacts doctor {self.to}")
        return lines


def repair_database(db: Path, to: Path) -> Repaired:
    """Write what can be read of *db* to the new file *to*."""
    if not db.exists():
        raise InputError(f"there is no database at {db}", hint="name a database file")
    check_path(db)
    if to.exists():
        raise InputError(f"{to} exists", hint="Name another file with --to.")
    if not to.parent.is_dir():
        raise InputError(f"there is no folder {to.parent}", hint="Name another file with --to.")
    with (
        run_lock(db, wait_s=0),
        tempfile.TemporaryDirectory(prefix=".repair-", dir=to.parent) as folder,
    ):
        ways = _opened(db, Path(folder))
        best = max(ways, key=lambda way: (way.rows, -way.unread))
        if best.error:
            raise _nothing_left(db, best.error)
        new = Path(folder) / "repaired.duckdb"
        sign = [SCHEMA_VERSION, tool_version()]
        saved = _child(db, {"do": "save", "db": str(best.path), "to": str(new), "sign": sign})
        if saved.get("is_foreign"):
            raise not_ours(db)
        new.replace(to)
    write_state(to, saved["flush_seq"])
    return Repaired(
        database=str(db),
        to=str(to),
        used=best.name,
        counts={way.name: way.tables for way in ways if not way.error},
        errors={way.name: way.error for way in ways if way.error},
        tables=saved["tables"],
        left_out=saved["left_out"],
        lost_commits=max(0, (read_state(db) or 0) - saved["flush_seq"]),
    )


def _opened(db: Path, folder: Path) -> list[Way]:
    """Copy *db* for each way to open it, and count what each gives."""
    if not wal_path(db).exists():
        return [_counted(db, Way(NO_LOG, _copy(db, folder / "without")))]
    with_log = _counted(db, Way(WITH, _copy(db, folder / "with", log=True)))
    ways = [with_log]
    if place := _PLACE.search(with_log.error):
        cut = _copy(db, folder / "cut", log=True)
        _child(db, {"do": "cut", "log": str(wal_path(cut)), "at": int(place[1])})
        ways.append(_counted(db, Way(CUT, cut)))
    return [*ways, _counted(db, Way(WITHOUT, _copy(db, folder / "without")))]


def _copy(db: Path, folder: Path, *, log: bool = False) -> Path:
    folder.mkdir()
    target = folder / "copy.duckdb"
    copy_file(db, target)
    if log:
        copy_file(wal_path(db), wal_path(target))
    return target


def _counted(db: Path, way: Way) -> Way:
    try:
        answer = _child(db, {"do": "count", "db": str(way.path)})
    except StoreError as error:  # the process died of what it read
        answer = {"error": str(error)}
    way.tables, way.error = answer.get("tables", {}), answer.get("error", "")
    return way


def _child(db: Path, order: dict[str, Any]) -> dict[str, Any]:
    """Run the child process and return its answer."""
    done = subprocess.run(
        [sys.executable, "-I", str(_CHILD), json.dumps(order)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = done.stderr.strip().rpartition("\n")[2] or f"it ended with {done.returncode}"
        raise store_error(db, words)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _nothing_left(db: Path, words: str) -> StoreError:
    return StoreError(
        f"nothing of {db} can be read: {words}",
        hint="Keep the file and its log. What an export or a backup holds can be run again.",
        fault="damaged",
    )
