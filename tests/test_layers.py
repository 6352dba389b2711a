"""Who may import whom: the contracts are in pyproject.toml, under `tool.importlinter`."""

from __future__ import annotations

from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[1]


def test_every_import_keeps_the_contracts(monkeypatch, capsys):
    """No module imports what another one is alone to import."""
    monkeypatch.chdir(ROOT)

    status = lint_imports(config_filename="pyproject.toml", no_cache=True)

    assert EXIT_STATUS_SUCCESS == status, capsys.readouterr().out
