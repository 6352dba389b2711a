"""Trains a low-rank adapter on top of a quantised base, on the answer's tokens only.

The base is the very GGUF file that llama.cpp will load, dequantised, so the adapter learns to
correct what is really there. Weights and activations are bfloat16, the adapter's own weights
are kept in float32 beside them: updates of a thousandth would vanish in eight bits.

Needs the extra `train` (torch, transformers, peft). Every state of a run lies in its folder,
and a run that was stopped goes on from its last checkpoint with the same random numbers.

Not here: where examples come from (`examples`), and the adapter's file format (`adapter_file`).
"""

from __future__ import annotations

import json
import os
import random
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TextIO

from extract.errors import InputError, StoreError
from extract.local.chat import ChatFormat
from extract.prompting import Prompt
from extract.training.config import TrainingConfig
from extract.training.examples import Example

IGNORED = -100
MAX_TOKENS = 2048

Report = Callable[[dict[str, Any]], None]


@dataclass
class Tokenised:
    """Token ids of one example; the first `answer_from` of them are the prompt."""

    ids: list[int]
    answer_from: int


def best_device() -> Any:
    """Return the GPU where there is one that knows bfloat16, else the CPU."""
    import torch

    has_gpu = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return torch.device("cuda" if has_gpu else "cpu")


def load_tokenizer(weights: Path) -> Any:
    """Return the tokenizer of a GGUF file."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return transformers.AutoTokenizer.from_pretrained(**_gguf_file(weights))


def load_base(weights: Path) -> tuple[Any, Any]:
    """Return the tokenizer and the dequantised model of a GGUF file."""
    tokenizer = load_tokenizer(weights)
    import torch
    import transformers

    # What the library will rename in its next version is no news for whoever trains.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    # sdpa's backward on CPU took 0.7 s more per example of 512 tokens than the plain products.
    model = transformers.AutoModelForCausalLM.from_pretrained(
        **_gguf_file(weights), dtype=torch.bfloat16, attn_implementation="eager"
    )
    return tokenizer, model


def _gguf_file(weights: Path) -> dict[str, str]:
    """Return where transformers is to read *weights*."""
    return {"pretrained_model_name_or_path": str(weights.parent), "gguf_file": weights.name}


def tokenise(tokenizer: Any, prompt: Prompt, example: Example, chat: ChatFormat) -> Tokenised:
    """Return the example as llama.cpp will see it: the conversation, the answer, its end mark."""
    text = chat.prompt(prompt.messages(example.shown))
    before = tokenizer(text, add_special_tokens=False)["input_ids"]
    answer = tokenizer(example.answer + chat.end, add_special_tokens=False)["input_ids"]
    return Tokenised(before + answer, len(before))


def too_long(trainer: Trainer, prompt: Prompt, examples: Iterable[Example]) -> list[str]:
    """Return the ids of the papers that have more than `MAX_TOKENS`: they are not trained on."""
    return [e.paper_id for e in examples if len(trainer.tokenised(prompt, e).ids) > MAX_TOKENS]


class Trainer:
    """One training run in one folder."""

    def __init__(
        self, config: TrainingConfig, weights: Path, folder: Path, chat: ChatFormat
    ) -> None:
        import peft
        import torch

        self.config, self.folder, self.chat = config, folder, chat
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        self.device = best_device()
        self.tokenizer, base = load_base(weights)
        base.to(self.device)
        settings = peft.LoraConfig(
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=0.0,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        )
        self.model = peft.get_peft_model(base, settings, autocast_adapter_dtype=False)
        self.model.train()
        self.trained = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]
        self.masters = [p.detach().float().clone() for _, p in self.trained]
        self.optimizer = torch.optim.AdamW(
            self.masters, lr=config.learning_rate, weight_decay=0.0, betas=(0.9, 0.99)
        )
        self.step = 0
        self.wall_s = 0.0

    @property
    def device_name(self) -> str:
        """What the training runs on, for the card."""
        import torch

        is_gpu = self.device.type == "cuda"
        return str(torch.cuda.get_device_name(self.device)) if is_gpu else "cpu"

    def state(self) -> dict[str, Any]:
        """Return the adapter's weights by name, in float32."""
        return {name: m for (name, _), m in zip(self.trained, self.masters, strict=True)}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take over the weights of another adapter of the same shape."""
        import torch

        with torch.no_grad():
            for (name, parameter), master in zip(self.trained, self.masters, strict=True):
                master.copy_(state[name])
                parameter.copy_(master)

    def tokenised(self, prompt: Prompt, example: Example) -> Tokenised:
        """Return the tokens that the base reads and writes for *example*."""
        return tokenise(self.tokenizer, prompt, example, self.chat)

    def loss(self, example: Tokenised) -> Any:
        """Return the mean loss over the answer's tokens; only their logits are computed."""
        import torch

        ids = torch.tensor([example.ids], device=self.device)
        keep = torch.arange(example.answer_from - 1, len(example.ids) - 1, device=self.device)
        logits = self.model(input_ids=ids, logits_to_keep=keep, use_cache=False).logits
        return torch.nn.functional.cross_entropy(
            logits[0].float(), ids[0, example.answer_from :], reduction="mean"
        )

    def update(self, batch: Sequence[Tokenised], total_steps: int) -> float:
        """Take one step on *batch* and return its mean loss."""
        import torch

        mean = 0.0
        for example in batch:
            loss = self.loss(example) / len(batch)
            loss.backward()
            mean += float(loss.detach())
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * self._schedule(total_steps)
        for (_, parameter), master in zip(self.trained, self.masters, strict=True):
            master.grad = parameter.grad.float()
            parameter.grad = None
        torch.nn.utils.clip_grad_norm_(self.masters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        with torch.no_grad():
            for (_, parameter), master in zip(self.trained, self.masters, strict=True):
                parameter.copy_(master)
        self.step += 1
        return mean

    def _schedule(self, total_steps: int) -> float:
        """Warm up, then fall linearly to a twentieth."""
        if self.step < self.config.warmup_steps:
            return (self.step + 1) / self.config.warmup_steps
        left = (total_steps - self.step) / max(1, total_steps - self.config.warmup_steps)
        return max(0.05, left)

    def save(self) -> None:
        """Write a checkpoint, replacing the last one only when it is whole."""
        import torch

        state = {
            "step": self.step,
            "wall_s": self.wall_s,
            "adapter": self.state(),
            "optimizer": self.optimizer.state_dict(),
        }
        temporary = self.folder / "checkpoint.pt.part"
        try:
            torch.save(state, temporary)
            temporary.replace(self.folder / "checkpoint.pt")
        except (OSError, RuntimeError) as error:
            raise StoreError(
                f"the checkpoint of step {self.step} cannot be written to {self.folder}: {error}",
                hint="Make room there, and run the same command again: it goes on from the"
                " checkpoint before.",
            ) from error

    def resume(self) -> bool:
        """Go on from the folder's checkpoint; False where there is none."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return False
        with _readable(path):
            state = self._take_over(path)
            self.optimizer.load_state_dict(state["optimizer"])
            self.step = state["step"]
        self.wall_s = state.get("wall_s", 0.0)
        return True

    def start_from(self, checkpoint: Path) -> None:
        """Begin with the weights of another run's checkpoint, and nothing else of it."""
        with _readable(checkpoint):
            self._take_over(checkpoint)

    def _take_over(self, checkpoint: Path) -> dict[str, Any]:
        """Load the weights of a checkpoint, and return all that it holds."""
        import torch

        state: dict[str, Any] = torch.load(checkpoint, weights_only=True, map_location="cpu")
        self.load_state(state["adapter"])
        return state


def batches(count: int, config: TrainingConfig) -> Iterator[tuple[int, list[int]]]:
    """Yield the epoch and the example numbers of every step, the same for the same seed."""
    for epoch in range(config.epochs):
        order = list(range(count))
        random.Random(f"{config.seed}/{epoch}").shuffle(order)
        for start in range(0, count, config.batch):
            yield epoch, order[start : start + config.batch]


def train(
    trainer: Trainer,
    make: Callable[[int, int], Example],
    count: int,
    prompt: Prompt,
    report: Report,
) -> None:
    """Run all steps that are left; *make* gives the example of a number in an epoch.

    Whatever *report* raises ends the run, after a checkpoint of the step that it was told of.
    """
    config = trainer.config
    steps = list(batches(count, config))[: config.max_steps or None]
    done = trainer.step
    spent, tokens = 0.0, 0
    with _appended(trainer.folder / "log.jsonl") as log:
        for epoch, numbers in steps[done:]:
            began = time.monotonic()
            batch = [trainer.tokenised(prompt, make(n, epoch)) for n in numbers]
            batch = [b for b in batch if len(b.ids) <= MAX_TOKENS]
            if not batch:
                trainer.step += 1
                continue
            loss = trainer.update(batch, len(steps))
            tokens += sum(len(b.ids) for b in batch)
            took = time.monotonic() - began
            spent += took
            trainer.wall_s += took
            event = {
                "step": trainer.step,
                "of": len(steps),
                "epoch": epoch,
                "loss": round(loss, 4),
                "wall_s": round(trainer.wall_s, 1),
                "tokens_per_s": round(tokens / spent),
                "left_s": round(spent / (trainer.step - done) * (len(steps) - trainer.step)),
            }
            log.write(json.dumps(event) + "\n")
            log.flush()
            try:
                report(event)
            except BaseException:
                trainer.save()
                raise
            if trainer.step % config.checkpoint_every == 0:
                trainer.save()
    trainer.save()
    (trainer.folder / "config.json").write_text(json.dumps(asdict(config), indent=1))


@contextmanager
def _readable(checkpoint: Path) -> Iterator[None]:
    """Say of a damaged or foreign checkpoint what it is."""
    try:
        yield
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, UnpicklingError) as error:
        raise InputError(
            f"{checkpoint} cannot be read as a checkpoint of this size of adapter: {error}",
            hint="Delete it to begin again, or name an empty folder.",
        ) from error


def _appended(log: Path) -> TextIO:
    """Open *log* for more lines, on a line of its own where the last one was cut off."""
    is_cut = log.is_file() and not log.read_bytes().endswith(b"\n") and log.stat().st_size > 0
    file = log.open("a", encoding="utf-8")
    if is_cut:
        file.write("\n")
    return file
