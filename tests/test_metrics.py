"""What is known of metrics: finding one in a phrase, and the sanity of the table."""

import pytest

from extract.metrics import Metric, find_metric, metrics, normal_form


def name_of(phrase: str) -> str | None:
    metric = find_metric(phrase)
    return metric.name if metric else None


@pytest.mark.parametrize(
    ("phrase", "name"),
    [
        ("accuracy", "accuracy"),
        ("linear evaluation accuracies", "accuracy"),
        ("Top-1 accuracy", "top-1 accuracy"),
        ("top 1 acc", "top-1 accuracy"),
        ("ImageNet top-5 accuracy", "top-5 accuracy"),
        ("F1 scores", "F1"),
        ("macro-F1", "F1"),
        ("mean average precision", "mean average precision"),
        ("mAP", "mean average precision"),
        ("box AP", "average precision"),
        ("mIoU", "mIoU"),
        ("lesion-wise Dice Similarity Coefficient", "Dice"),
        ("BLEU-4", "BLEU"),
        ("ROUGE-L", "ROUGE"),
        ("word error rates", "WER"),
        ("character error rate", "CER"),
        ("perplexities", "perplexity"),
        ("FID score", "FID"),
        ("PSNR", "PSNR"),
        ("peak signal-to-noise ratio", "PSNR"),
        ("Recall@10", "recall@k"),
        ("average Recall@1", "recall@k"),
        ("pass@1", "pass@k"),
        ("NDCG@10", "NDCG"),
        ("Hits@10", "Hits@k"),
        ("average success rate", "success rate"),
        ("attack success rate", "attack success rate"),
        ("R^2", "R2"),
        ("inference latency", "latency"),
        ("32 FPS", "FPS"),
        ("GFLOPs", "FLOPs"),
        ("extra trainable parameters", "parameters"),
        ("peak GPU memory usage", "memory"),
        ("training speedup", "speedup"),
        ("MAE of relaxed adsorption energy", "MAE"),
        ("expected calibration error", "ECE"),
        ("Elo rating", "Elo"),
        ("PER", "phoneme error rate"),
        ("average PER on the test set", "phoneme error rate"),
        ("MAP", "mean average precision"),
        ("IS", "Inception Score"),
        ("mean squared error", "MSE"),
        ("top-1 error", "error rate"),
        ("error", "error"),
        ("errors per mile", "error"),
        ("frames per second", "FPS"),
        ("inference times", "runtime"),
    ],
)
def test_a_phrase_names_its_metric(phrase: str, name: str):
    """Case, number and hyphens do not matter, and the longest name in the phrase counts."""
    assert name == name_of(phrase)


@pytest.mark.parametrize(
    "phrase",
    [
        "",
        "images",
        "subjects",
        "scores of people",
        "mapping",
        "tasks",
        "edited sentences per language pair",
        "Per class",
        "maps",
        "what it is",
        "times",
        "on",
        "points",
        "percentage points",
    ],
)
def test_an_unknown_metric_is_unknown(phrase: str):
    """What the table does not hold is None, and not a guess from a part of a word."""
    assert find_metric(phrase) is None


@pytest.mark.parametrize(
    ("phrase", "higher_is_better"),
    [
        ("accuracy", True),
        ("error rate", False),
        ("WER", False),
        ("FID", False),
        ("PSNR", True),
        ("LPIPS", False),
        ("latency", False),
        ("throughput", True),
        ("NMSE", False),
        ("MCC", True),
        ("attack success rate", None),
    ],
)
def test_the_table_says_which_way_is_better(phrase: str, higher_is_better: bool | None):
    """Best results can be asked for only where the direction is known."""
    metric = find_metric(phrase)

    assert metric is not None
    assert higher_is_better is metric.higher_is_better


def test_the_table_holds_the_common_metrics():
    """Sixty metrics and more, each named once."""
    names = [metric.name for metric in metrics()]

    assert len(names) >= 60
    assert len(set(names)) == len(names)


def test_every_alias_leads_to_its_own_metric():
    """No alias is claimed by two metrics."""
    strays = [
        (metric.name, alias, name_of(alias))
        for metric in metrics()
        for alias in (metric.name, *metric.aliases)
        if name_of(alias) != metric.name
    ]

    assert [] == strays


@pytest.mark.parametrize("metric", metrics(), ids=lambda metric: metric.name)
def test_a_usual_range_has_its_lower_end_first(metric: Metric):
    """A range that is known at both ends is not turned round."""
    assert metric.low is None or metric.high is None or metric.low < metric.high


def test_the_normal_form_is_its_own_normal_form():
    """Normalising twice changes nothing."""
    forms = [normal_form(alias) for metric in metrics() for alias in metric.aliases]

    assert forms == [normal_form(form) for form in forms]
