"""Mentions, acronyms, keys and joining: `extract.evidence` for the names of things."""

from __future__ import annotations

import logging

import pytest

from extract.evidence import (
    Joined,
    Named,
    PaperText,
    acronym_pairs,
    is_variant,
    join_names,
    mentions,
    name_key,
)

TEXT = PaperText.of(
    "Masked Autoencoders Are Scalable",
    "We study masked autoencoders (MAE) on ImageNet. MAEs beat ViT-B/16. They are no mae here, "
    "and masked\nautoencoders help BERT and BERT-Base. See https://masked.github.io/MAE/.",
)


def one_sentence(abstract: str) -> PaperText:
    return PaperText("", abstract, ((0, len(abstract)),))


def pairs_of(abstract: str, title: str = "") -> list[tuple[str, str]]:
    text = PaperText(title, abstract, ((0, len(abstract)),))
    return [(pair.short.surface, pair.long.surface) for pair in acronym_pairs(text)]


def test_every_form_of_a_name_is_mentioned_once():
    """Title case, a plural and a line break are mentions; another case of an acronym is none."""
    actual = [(m.sentence, m.surface) for m in mentions(["MAE", "masked autoencoders"], TEXT)]

    assert [
        (0, "Masked Autoencoders"),
        (1, "masked autoencoders"),
        (1, "MAE"),
        (2, "MAEs"),
        (3, "masked\nautoencoders"),
    ] == actual


def test_the_longest_name_takes_the_place():
    """Mentions do not overlap."""
    actual = [m.surface for m in mentions(["BERT", "BERT-Base"], TEXT)]

    assert ["BERT", "BERT-Base"] == actual


def test_a_version_is_mentioned_only_where_there_is_nothing_else():
    """GPT-3 is another name than GPT, unless the text has no other."""
    both = mentions(["GPT"], one_sentence("GPT-3 follows GPT"))
    only = mentions(["GPT"], one_sentence("GPT-3 leads"))

    assert [14] == [m.start for m in both]
    assert [0] == [m.start for m in only]


@pytest.mark.parametrize(
    ("abstract", "pair"),
    [
        ("by masked autoencoders (MAE) we", ("MAE", "masked autoencoders")),
        ("large language models (LLMs) are", ("LLMs", "large language models")),
        ("a BERT (Bidirectional Encoder Representations from Transformers) is",
         ("BERT", "Bidirectional Encoder Representations from Transformers")),
        ("of multi-modal large language models (MLLMs)",
         ("MLLMs", "multi-modal large language models")),
        ("use Proximal Policy Optimization (PPO) here", ("PPO", "Proximal Policy Optimization")),
        ("use the Chain-of-\nThought (CoT) here", ("CoT", "Chain-of-\nThought")),
        ("on Leave-One-Out K-Nearest-Neighbor, or LOOK for short",
         ("LOOK", "Leave-One-Out K-Nearest-Neighbor")),
        ("introduce SNIP, a Symbolic-Numeric Integrated Pre-training, which",
         ("SNIP", "Symbolic-Numeric Integrated Pre-training")),
        ("an unbalanced ( here, then masked autoencoders (MAE", None),
        ("an unbalanced ) here, then masked autoencoders (MAE) is", ("MAE", "masked autoencoders")),
        ("the method (strong) significantly outperforms", None),
        ("on ImageNet (left) and COCO (right)", None),
        ("see Fig. 2 (a) and (b)", None),
    ],
)  # fmt: skip
def test_a_paper_explains_its_short_forms(abstract: str, pair: tuple[str, str] | None):
    """Short and long form are taken from the text as they stand there."""
    assert ([pair] if pair else []) == pairs_of(abstract)


@pytest.mark.parametrize(
    ("title", "pair"),
    [
        ("HDCNet: Hybrid Depth Completion Network for Scenes",
         ("HDCNet", "Hybrid Depth Completion Network")),
        ("UNIC: Universal Classification Models via Distillation",
         ("UNIC", "Universal Classification Models")),
        ("PELA: Learning Parameter-Efficient Models", None),
    ],
)  # fmt: skip
def test_a_title_explains_its_name(title: str, pair: tuple[str, str] | None):
    """The words after a colon explain the name only where their initials spell it."""
    assert ([pair] if pair else []) == pairs_of("", title)


def test_acronyms_leave_logging_alone():
    """The library sets up logging when imported; a program that imports us does not want that."""
    before = logging.getLogger().handlers[:], logging.getLogger().level

    acronym_pairs(TEXT)

    assert before == (logging.getLogger().handlers, logging.getLogger().level)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ResNet-50", "ResNet50"),
        ("ResNet-50", "resnet 50"),
        ("GANs", "GAN"),
        ("GPUs", "GPU"),
        ("the ImageNet dataset", "ImageNet"),
        ("masked auto-encoders", "Masked Autoencoder"),
        ("wav2vec 2.0", "Wav2Vec2.0"),
        ("disagreement losses", "disagreement loss"),
        ("Poincaré", "Poincare\u0301"),
    ],
)
def test_spellings_of_a_name_share_a_key(one: str, other: str):
    """Case, punctuation, plural and generic words make no difference."""
    assert name_key(one) == name_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ResNet-50", "ResNet-101"),
        ("CIFAR-10", "CIFAR-100"),
        ("LLaMA-2-7B", "LLaMA-27B"),
        ("GPT-3.5", "GPT-35"),
        ("C++", "C"),
        ("A*", "A"),
        ("BERT-Base", "BERT"),
        ("10⁵", "105"),
        ("CLASS", "CLAS"),
    ],
)
def test_other_names_have_other_keys(one: str, other: str):
    """Digits and signs count."""
    assert name_key(one) != name_key(other)


def test_a_version_or_size_is_a_variant():
    """Numbers and sizes make variants, long forms do not."""
    assert is_variant("BERT-Base", "BERT")
    assert is_variant("CIFAR-10", "CIFAR-100")
    assert is_variant("ImageNet-21K", "ImageNet-1K")
    assert not is_variant("MAE", "masked autoencoders")


def test_records_of_one_thing_become_one_entry():
    """Acronym, long form and plural are joined under the acronym, and the map says where to."""
    records = [("masked autoencoders", []), ("ImageNet", []), ("MAEs", []), ("MAE", [])]

    actual = join_names(records, acronym_pairs(TEXT), TEXT)

    assert (
        Joined(
            (
                Named(
                    "MAE",
                    ("masked autoencoders", "MAEs", "Masked Autoencoders", "masked\nautoencoders"),
                ),
                Named("ImageNet", ()),
            ),
            (0, 1, 0, 0),
        )
        == actual
    )


def test_versions_and_sizes_stay_separate():
    """Likeness joins nothing, nor does an alias that is a size."""
    text = one_sentence("ResNet-50, ResNet-101, CIFAR-10, CIFAR-100, BERT-Base and BERT")
    names = ["ResNet-50", "ResNet-101", "CIFAR-10", "CIFAR-100", "BERT-Base", "BERT"]
    records = [(name, ["BERT-Base"] if name == "BERT" else []) for name in names]

    actual = join_names(records, [], text)

    assert tuple(Named(name, ()) for name in names) == actual.entries
    assert tuple(range(6)) == actual.index


def test_a_record_joins_the_one_whose_alias_it_is():
    """A model that knows two names for a thing, and lists both, means one thing."""
    text = one_sentence("pseudo-labeling, or self-training, helps")
    records = [("self-training", ["pseudo-labeling"]), ("pseudo-labeling", [])]

    actual = join_names(records, [], text)

    assert Joined((Named("self-training", ("pseudo-labeling",)),), (0, 0)) == actual


def test_a_name_of_its_own_is_kept_beside_its_short_form():
    """`ClusterFit (CF)` is filed under ClusterFit."""
    text = one_sentence("We propose ClusterFit (CF) to improve it. CF helps.")

    actual = join_names([("CF", []), ("ClusterFit", [])], acronym_pairs(text), text)

    assert 1 == len(actual.entries)
    assert "CF" in (actual.entries[0].name, *actual.entries[0].aliases)


def test_no_records_are_no_entries():
    """An empty list is an answer."""
    assert Joined((), ()) == join_names([], [], TEXT)


@pytest.mark.parametrize(
    ("abstract", "names", "entries", "index"),
    [
        ("We propose SR-GNN.", ["GNN", "SR-GNN"], ["SR-GNN"], (0, 0)),
        ("We use ViT-B/16.", ["ViT-B/16", "ViT-B", "ViT"], ["ViT-B/16"], (0, 0, 0)),
        ("It is BERT-Base and BERT-Large.", ["BERT", "BERT-Base", "BERT-Large"],
         ["BERT-Base", "BERT-Large"], (0, 0, 1)),
        ("SR-GNN beats all GNNs.", ["GNN", "SR-GNN"], ["GNN", "SR-GNN"], (0, 1)),
        ("SR-GNN is GNN-based.", ["GNN", "SR-GNN"], ["GNN", "SR-GNN"], (0, 1)),
        ("It is BERT or BERT-Base.", ["BERT", "BERT-Base"], ["BERT", "BERT-Base"], (0, 1)),
        ("Graph neural networks (GNN): SR-GNN", ["GNN", "SR-GNN"], ["GNN", "SR-GNN"], (0, 1)),
        ("We propose SR-GNN.", ["GNN"], ["GNN"], (0,)),
        ("Nothing.", ["GNN", "SR-GNN"], ["GNN", "SR-GNN"], (0, 1)),
    ],
)  # fmt: skip
def test_a_name_cut_from_a_longer_one_is_that_one(
    abstract: str, names: list[str], entries: list[str], index: tuple[int, ...]
):
    """What stands nowhere but inside a listed compound is no thing of its own, and no alias."""
    text = one_sentence(abstract)

    joined = join_names([(name, ()) for name in names], acronym_pairs(text), text)

    assert entries == [entry.name for entry in joined.entries]
    assert index == joined.index
    assert not any(entry.name == "SR-GNN" and entry.aliases for entry in joined.entries)
