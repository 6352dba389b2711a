"""What `pip install` puts on a machine: the folders, whole, and under one name.

A wheel is built, by way of an sdist, from a clean copy of what git knows or would add, so that
neither an old build nor an ignored file can be what makes it complete.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
FOLDERS = {"extract": "extract", "schemas": "extract/schemas", "prompts": "extract/prompts"}

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs a git checkout")


def tracked() -> list[str]:
    """Return the path of everything that git knows or would add, and that is there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return sorted(path for path in set(listed.split("\0")) if path and os.path.lexists(ROOT / path))


def copy_of_the_tree(target: Path, *, links: bool) -> Path:
    """Copy what git knows to *target*; without *links*, as Windows checks them out."""
    for path in tracked():
        copy = target / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, copy, follow_symlinks=False)
        if copy.is_symlink() and not links:
            leads_to = os.readlink(copy)
            copy.unlink()
            copy.write_text(leads_to, encoding="utf-8")
    return target


def built(tree: Path, target: Path, *what: str) -> Path:
    """Build *tree* with the setuptools of this environment, which asks no index."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", *what, "--outdir", target, tree],
        capture_output=True,
        text=True,
        check=True,
    )
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    tree = copy_of_the_tree(tmp_path_factory.mktemp("tree"), links=True)
    target = tmp_path_factory.mktemp("dist")
    built(tree, target)
    return target


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Iterator[zipfile.ZipFile]:
    """The wheel, open."""
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    """What the wheel says of itself."""
    return Parser().parsestr(_member(wheel, "METADATA"))


def test_the_wheel_holds_the_folders_and_nothing_else(wheel):
    """Every module and every data file of the three folders is in the wheel, once."""
    packed = sorted(name for name in wheel.namelist() if ".dist-info/" not in name)

    assert shipped() == packed


def test_a_file_in_the_wheel_is_the_file_of_the_folder(wheel):
    """schemas/ and prompts/ come in as they are."""
    for path in tracked():
        top, _, rest = path.partition("/")
        if top in {"schemas", "prompts"}:
            assert (ROOT / path).read_bytes() == wheel.read(f"{FOLDERS[top]}/{rest}")


def test_only_one_name_can_be_imported(wheel):
    """A user's own `schemas` and `prompts` are left alone."""
    tops = {name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" not in name}

    assert {"extract"} == tops


def test_the_sdist_holds_what_the_wheel_is_built_from(dist):
    """An sdist without the data would build a wheel without it."""
    with tarfile.open(next(dist.glob("*.tar.gz"))) as sdist:
        packed = {name.partition("/")[2] for name in sdist.getnames()}

    assert {path for path in tracked() if path.partition("/")[0] in FOLDERS} - packed <= {
        "extract/prompts",
        "extract/schemas",
    }


def test_a_checkout_without_links_builds_the_same_wheel(dist, tmp_path):
    """Where links become text files, the mapping in pyproject.toml still finds the folders."""
    tree = copy_of_the_tree(tmp_path / "tree", links=False)
    with zipfile.ZipFile(built(tree, tmp_path / "dist", "--wheel")) as wheel:
        packed = sorted(name for name in wheel.namelist() if ".dist-info/" not in name)

    assert shipped() == packed


def test_the_command_is_called_as_the_distribution(wheel):
    """`uvx paperfacts` and `pipx run paperfacts` need no second name."""
    points = ConfigParser()
    points.read_string(_member(wheel, "entry_points.txt"))

    assert {"paperfacts": "extract.cli:main"} == dict(points["console_scripts"])


def test_the_floors_keep_pip_from_going_back(metadata):
    """Without these floors, pip installs openai 1.109 and instructor 1.3."""
    wanted = _requirements(metadata)

    assert not wanted["openai"].specifier.contains("2.99.0")
    assert not wanted["instructor"].specifier.contains("1.16.9")
    assert not wanted["tenacity"].specifier.contains("8.5.0")


def test_every_requirement_has_a_floor_and_a_cap(metadata):
    """A new major version of a library is taken up on purpose."""
    loose = [
        str(each)
        for each in _requirements(metadata).values()
        if not {">=", "<"} <= {clause.operator for clause in each.specifier}
    ]

    assert [] == loose


def test_the_licence_and_the_python_are_named(metadata):
    """An index shows both."""
    assert "MIT" == metadata["License-Expression"]
    assert ["LICENSE"] == metadata.get_all("License-File")
    assert ">=3.11" == metadata["Requires-Python"]


def shipped() -> list[str]:
    """Return where in the wheel each file of the three folders belongs."""
    places = []
    for path in tracked():
        top, _, rest = path.partition("/")
        if top in FOLDERS and not (ROOT / path).is_symlink():
            places.append(f"{FOLDERS[top]}/{rest}")
    return sorted(places)


def _requirements(metadata: Message) -> dict[str, Requirement]:
    """Return what is always installed, by name."""
    each = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    return {one.name: one for one in each if one.marker is None}


def _member(wheel: zipfile.ZipFile, name: str) -> str:
    """Return the text of the file *name* in the folder of metadata."""
    path = next(each for each in wheel.namelist() if each.endswith(f".dist-info/{name}"))
    return wheel.read(path).decode()
