"""Download of one file from the model hub, which goes on where a broken one stopped.

What has arrived lies in a `.part` file; the next attempt asks for the rest with `Range`. Whether
the bytes are the right ones is not judged here: the caller hashes them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from extract.errors import ModelError
from extract.local.registry import HubSource

HUB = "https://huggingface.co"
CONNECT_TIMEOUT_S = 5.0  # a network without the hub must not keep the user waiting
READ_TIMEOUT_S = 30.0


def download(
    source: HubSource,
    part_file: Path,
    *,
    total: int,
    told: Callable[[int], None],
    hub: str = HUB,
) -> None:
    """Complete *part_file* with the bytes of *source*; `ModelError` if that fails.

    A connection that breaks is opened again as long as each brings something. *told* is called
    with the number of bytes there are so far.
    """
    import httpx2

    url = f"{hub}/{source.repo}/resolve/main/{source.file}"
    while (before := _size(part_file)) < total:
        try:
            _go_on(url, part_file, total, told)
        except httpx2.TransportError as error:
            if _size(part_file) > before:
                continue
            raise ModelError(f"{url}: {_in_words(error)}") from error
        except httpx2.HTTPError as error:
            raise ModelError(f"{url}: {_in_words(error)}") from error
        return


def _go_on(url: str, part_file: Path, total: int, told: Callable[[int], None]) -> None:
    """Append to *part_file* what it lacks, or write it anew where the server cannot go on."""
    import httpx2

    have = _size(part_file)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    timeout = httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
    with httpx2.stream(
        "GET", url, headers=headers, timeout=timeout, follow_redirects=True
    ) as response:
        response.raise_for_status()
        content_range = response.headers.get("Content-Range", "")
        goes_on = response.status_code == 206 and content_range.startswith(f"bytes {have}-")
        done = have if goes_on else 0
        with part_file.open("ab" if goes_on else "wb") as file:
            # As it arrives: with a chunk size, what was collected for a chunk is lost at a break.
            for chunk in response.iter_bytes():
                done += len(chunk)
                if done > total:
                    raise ModelError(f"{url} sends more than the {total:,} bytes expected")
                file.write(chunk)
                told(done)


def _size(file: Path) -> int:
    """Return the size of *file*, 0 where there is none."""
    return file.stat().st_size if file.exists() else 0


def _in_words(error: Exception) -> str:
    """Return what happened, with the class where the text says nothing."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__
