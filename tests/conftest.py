"""The pytest plugin of this very package, where it is not installed as one, and shared fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extract import pytest_plugin


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the plugin; pytest then calls its `pytest_addoption` too."""
    if not pluginmanager.hasplugin("paperfacts"):
        pluginmanager.register(pytest_plugin, "paperfacts")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, an empty config folder, and no variables of ours or keys."""
    for name in [*os.environ]:
        if name.startswith("PAPERFACTS_") or name.endswith(("_API_KEY", "_TOKEN")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
