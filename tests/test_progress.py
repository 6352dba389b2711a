"""What a run says of its progress on a pipe."""

from __future__ import annotations

import shlex

import pytest

from extract.cli import progress
from extract.cli.progress import RunWatch, next_line, summary_lines
from extract.report import RunReport


def line(capsys: pytest.CaptureFixture[str], report: RunReport, elapsed: float) -> str:
    """Return what is printed about *report* so long after the beginning."""
    watch = RunWatch()
    watch.began -= elapsed
    watch.last_line -= elapsed
    watch(report)
    return capsys.readouterr().err


def report(**values: object) -> RunReport:
    """Return the report of a run under way."""
    return RunReport("run-1", "feed", "db", "m", "facts", **values)  # type: ignore[arg-type]


def test_time_left_is_told_once_the_whole_feed_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    said = line(capsys, report(papers=250, asked=50, is_all_read=True), 100.0)

    assert "50 of 250 papers  0.50 papers/s  7 min left" in said


def test_a_feed_that_goes_on_has_no_end_in_sight(capsys: pytest.CaptureFixture[str]) -> None:
    said = line(capsys, report(papers=250, asked=50), 100.0)

    assert "50 of 250+ papers" in said
    assert "left" not in said


def test_papers_that_were_done_do_not_make_the_rate(capsys: pytest.CaptureFixture[str]) -> None:
    said = line(capsys, report(papers=100, cached=80, asked=10, is_all_read=True), 20.0)

    assert "90 of 100 papers  0.50 papers/s  20 s left" in said


def test_the_time_to_get_a_model_ready_does_not_make_the_rate(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The first run fetches and merges for minutes; its papers are not that slow."""
    under_way = report(papers=20, asked=10, is_all_read=True, opening_seconds=80.0)

    assert "0.50 papers/s  20 s left" in line(capsys, under_way, 100.0)


def test_the_summary_tells_the_time_to_get_a_model_ready() -> None:
    (first, *_) = summary_lines(
        report(papers=20, asked=20, is_all_read=True, seconds=100.0, opening_seconds=40.0)
    )

    assert "(100.0 s, 40.0 of them to get the model ready, 3.0 s a paper)" in first


def test_the_summary_is_silent_about_a_model_that_was_ready() -> None:
    (first, *_) = summary_lines(report(papers=4, asked=4, seconds=2.0, opening_seconds=0.4))

    assert "(2.0 s, 0.4 s a paper)" in first


def test_lines_come_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    watch = RunWatch()
    watch(report(papers=9, asked=1))

    assert capsys.readouterr().err == ""
    assert progress.LINE_EVERY_S == 10.0


def test_the_next_command_can_be_pasted_into_a_shell() -> None:
    """A path with a quote or a space is one word there."""
    report = RunReport("run-1", "feed", "it's mine.duckdb", "m", "facts")
    report.facts["claims"] = 1
    (said,) = next_line(report)
    assert ["paperfacts", "sql"] == shlex.split(said)[1:3]
    assert ["--db", "it's mine.duckdb"] == shlex.split(said)[-2:]
