"""The pytest plugin of this very package, where it is not installed as one."""

from __future__ import annotations

import pytest

from extract import pytest_plugin


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the plugin; pytest then calls its `pytest_addoption` too."""
    if not pluginmanager.hasplugin("paperfacts"):
        pluginmanager.register(pytest_plugin, "paperfacts")
