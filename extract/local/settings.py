"""How the served model is run: what changes its speed and its limits, not its weights.

The defaults were measured on two cores of an AVX2 build with SmolLM2 135M: flash attention reads
a prompt 1.3 times as fast, batch sizes make no difference from 128 to 1024, and two slots give
as many papers a second as one on a quiet machine and 1.2 times as many beside a busy process.

Left out: everything that a request decides (sampling, grammar).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extract.local.cores import usable_cores

MOST_SLOTS = 8
"""Each takes the memory of its context; eight were no faster than four on two cores."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter: a GGUF file, and how strongly it is applied."""

    path: Path
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What one `LocalServer` is started with.

    `slots` is how many requests are decoded together, `context_per_slot` how many tokens each
    of them may hold, prompt and answer. `poll` has no effect where llama.cpp was built with
    OpenMP (`server.py` bounds the spinning there); elsewhere 0 keeps idle threads from spinning.
    `chat_template` is for weights whose file has none; empty leaves the file its own.
    """

    slots: int = 2
    context_per_slot: int = 4096
    threads: int = field(default_factory=usable_cores)
    batch: int = 2048
    micro_batch: int = 512
    flash_attention: str = "LLAMA_FLASH_ATTN_TYPE_AUTO"
    poll: int = 0
    adapters: tuple[Adapter, ...] = ()
    chat_template: str = ""
    start_timeout_s: float = 120.0

    def child_settings(self) -> dict[str, Any]:
        """Return the settings in the shape that `child.py` reads."""
        return {
            "threads": self.threads,
            "poll": self.poll,
            "flash_attention": self.flash_attention,
            "chat_template": self.chat_template,
            "adapters": [{"path": str(each.path), "scale": each.scale} for each in self.adapters],
            "params": {
                "n_parallel": self.slots,
                "n_ctx": self.slots * self.context_per_slot,
                "n_batch": self.batch,
                "n_ubatch": self.micro_batch,
            },
        }


def settings_for(concurrency: int, processes: int = 1) -> ServerSettings:
    """Return the settings of one of *processes* servers, asked so many questions at once."""
    fewest = ServerSettings().slots
    slots = max(fewest, min(concurrency, MOST_SLOTS))
    return ServerSettings(slots=slots, threads=max(1, usable_cores() // processes))
