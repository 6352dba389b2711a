"""What `extract` promises to its users: the names in `extract.__all__`."""

from __future__ import annotations

import pytest

import extract

PUBLIC = getattr(extract, "__all__", ())


@pytest.mark.skipif(not PUBLIC, reason="extract has no __all__ yet")
def test_the_public_names_are_sorted_and_there_is_each_only_once():
    """A reader finds a name where the alphabet puts it."""
    assert sorted(set(PUBLIC)) == list(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_leads_to_something_that_says_what_it_is(name):
    """Each public name can be had, and has a docstring."""
    assert getattr(extract, name).__doc__
