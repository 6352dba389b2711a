"""What a run shows while it lasts and when it ends.

On a terminal a bar with papers done, rate, time left and tokens; on a pipe a plain line every
ten seconds. The summary tells counts per record kind, what could not be grounded, and failures
by class, each with its next step.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from extract.money.words import dollars
from extract.terminal import counted, safe_text, shell_word

if TYPE_CHECKING:
    from extract.local.progress import FetchProgress
    from extract.money.estimate import Interval
    from extract.report import RunReport

LINE_EVERY_S = 10.0
LISTED = 5
OPENING_TOLD_S = 1.0


class RunWatch:
    """Shows one run on stderr; call it with the report after every paper."""

    def __init__(self) -> None:
        self.is_terminal = sys.stderr.isatty()
        self.began = time.monotonic()
        self.last_line = self.began
        self._bar: Any = None
        self._fetched = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, report: RunReport) -> None:
        """Show how far the run is."""
        done = report.cached + report.asked + len(report.failed)
        elapsed = time.monotonic() - self.began - report.opening_seconds
        asked = report.asked + len(report.failed)
        rate = asked / elapsed if asked and elapsed else 0.0
        total = f"{report.papers:,}" if report.is_all_read else f"{report.papers:,}+"
        left = _duration((report.papers - done) / rate) if rate and report.is_all_read else ""
        tokens = f"{report.usage.input_tokens:,} tokens in, {report.usage.output_tokens:,} out"
        words = f"{done:,} of {total} papers"
        if rate:
            words += f"  {rate:.2f} papers/s{left}  {tokens}"
        if self.is_terminal and (asked or done < report.papers):
            self._show_bar(done, report.papers, words)
        elif not self.is_terminal and time.monotonic() - self.last_line >= LINE_EVERY_S:
            self.last_line = time.monotonic()
            print(f"paperfacts: {words}", file=sys.stderr)

    def _show_bar(self, done: int, papers: int, words: str) -> None:
        """Draw or move the bar."""
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (BarColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._bar.add_task("")
        self._bar.update(self._bar.task_ids[0], total=papers, completed=done, description=words)

    def fetching(self, progress: FetchProgress) -> None:
        """Say that weights are being fetched: every quarter of the file, one line."""
        share = int(4 * progress.done / progress.total) if progress.total else 0
        if progress.done == 0 or share > self._fetched:
            self._fetched = share
            mb = f": {progress.done / 1e6:,.0f} of {progress.total / 1e6:,.0f} MB"
            counted = mb if progress.total else ""
            print(f"paperfacts: {progress.step} {progress.model}{counted}", file=sys.stderr)


def _duration(seconds: float) -> str:
    """Return the time that is left in words, as `  3 min left`."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"  {seconds / size:.0f} {unit} left"
    return f"  {seconds:.0f} s left"


def report_lines(report: RunReport) -> list[str]:
    """Return what a run says at its end: the summary, and what to do next."""
    return [*summary_lines(report), *next_line(report)]


def summary_lines(report: RunReport) -> list[str]:
    """Return the summary of a run, a line each."""
    lines = [
        f"{counted(report.papers, 'paper')}: {report.asked} asked, {report.cached} already done,"
        f" {len(report.failed)} failed{_waiting(report)}  ({_times(report)})"
    ]
    if report.facts:
        counts = ", ".join(f"{count} {kind}" for kind, count in report.facts.items())
        lines.append(f"facts: {counts}")
    if report.doubtful:
        counts = ", ".join(f"{count} {kind}" for kind, count in report.doubtful.items())
        lines.append(f"doubtful (kept, left out of the views): {counts}")
    if report.missing:
        counts = ", ".join(f"{count} {kind}" for kind, count in report.missing.items())
        lines.append(f"not found in the text (kept, left out of the views): {counts}")
    lines += _grounding_lines(report)
    if report.usage.calls and report.asked:
        usage = report.usage
        lines.append(
            f"tokens: {usage.input_tokens:,} in ({usage.cached_tokens:,} from the prompt cache),"
            f" {usage.output_tokens:,} out; {usage.output_tokens / report.asked:.0f} out a paper,"
            f" {usage.calls} calls"
        )
    lines += money_lines(report)
    if report.machine_text:
        lines.append(
            f"{report.machine_text} papers have signs of text for machines: select paper_id, title,"
            " signs from papers where len(signs) > 0"
        )
    lines += _problem_lines(report) + failure_lines(report)
    lines += [f"note: {note}" for note in report.notes]
    return [safe_text(line) for line in lines]


def _times(report: RunReport) -> str:
    """Return how long a run took; a paper's share leaves out the time before the first question."""
    words = f"{report.seconds:.1f} s"
    if report.opening_seconds >= OPENING_TOLD_S:
        words += f", {report.opening_seconds:.1f} of them to get the model ready"
    if report.asked:
        each = (report.seconds - report.opening_seconds) / report.asked
        words += f", {each:.1f} s a paper"
    return words


def next_line(report: RunReport) -> list[str]:
    """Return the command that shows some of what was found; nothing where nothing was."""
    if not report.facts:
        return []
    kind = report.facts.most_common(1)[0][0]
    query = f"select paper_id, evidence from {kind} limit 5"
    return [safe_text(f'next: paperfacts sql "{query}" --db {shell_word(report.database)}')]


def money_lines(report: RunReport) -> list[str]:
    """Tell what the calls cost, and what the budget left undone."""
    lines = []
    spent, is_free = report.spent, report.model.startswith("local/")
    if report.usage.calls and not is_free:
        if spent is None:
            words = f"price: unknown; give the price of {report.model} in paperfacts.toml"
            lines.append(f"{words}, under [prices]")
        else:
            each = [f"{dollars(spent.price)} in all"]
            for price, name in ((report.price_per_paper, "paper"), (report.price_per_fact, "fact")):
                each += [f"{dollars(price)} a {name}"] if price is not None else []
            lines.append(f"price: {', '.join(each)}")
        if spent and spent.unknown_calls:
            lines.append(
                f"price: up to {dollars(spent.unsettled)} more for {spent.unknown_calls} calls that"
                " ended without saying their tokens"
            )
    if report.budget is not None:
        used = report.spent_before + (spent.at_most if spent else 0)
        lines.append(f"budget: {dollars(used)} of {dollars(report.budget)} are spent")
    if report.left:
        lines.append(
            f"budget: reached ({report.left_because}); {report.left:,} papers are left"
            f"{_for_price(report.left_price)}: go on with a higher --budget, nothing is asked twice"
        )
    return lines


def _for_price(price: Interval | None) -> str:
    """Tell what papers would cost."""
    if price is None:
        return ""
    return f", for about {dollars(price.expected)} ({dollars(price.low)} to {dollars(price.high)})"


def _waiting(report: RunReport) -> str:
    return f", {report.waiting} in a batch" if report.waiting else ""


def _grounding_lines(report: RunReport) -> list[str]:
    """Tell which share of the facts stands in the text, where a share was asked for."""
    share = report.grounded_share
    if report.min_grounded is None or share is None:
        return []
    verdict = "less than" if report.is_under_grounded else "at least"
    return [
        f"grounded: {share:.1%} of {report.all_facts:,} facts,"
        f" {verdict} --min-grounded {report.min_grounded:g}"
    ]


def _problem_lines(report: RunReport) -> list[str]:
    """Tell what the feed had that is no paper."""
    lines = []
    for reason, count in report.problem_counts.items():
        first = next(p for p in report.problems if p["reason"] == reason)
        lines.append(f"feed: {count} {reason} (first at {first['location']}: {first['message']})")
    return lines


def failure_lines(report: RunReport) -> list[str]:
    """Tell which papers failed, by class, with the next step."""
    from extract.report import NEXT_STEP

    lines = []
    counts = Counter(f.failure.failure_class for f in report.failed)
    for failure_class, count in counts.most_common():
        lines.append(f"failed: {count} {failure_class}: {NEXT_STEP[failure_class]}")
        listed = [f for f in report.failed if f.failure.failure_class == failure_class]
        lines += [
            f"  {each.paper_id}  {each.title[:60]}: {each.failure.message[:200]}"
            for each in listed[:LISTED]
        ]
        if count > LISTED:
            lines.append(
                f"  and {count - LISTED} more: select * from completions where"
                f" failure_class = '{failure_class}'"
            )
    return lines
