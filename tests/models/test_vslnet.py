import json
import re
from itertools import pairwise

import pytest
import torch
from safetensors.torch import load_file

from hiero_lib.models.vslnet import (
    AttentionBlock,
    Dropout,
    SpanScores,
    VSLNet,
    bins_to_span,
    highlight_labels,
    pool_to_bins,
    span_to_bins,
    top_spans,
    vslnet_loss,
)

# The reference's names (part of a dotted name) to ours; its 1x1 convolutions are linear layers here.
RENAMED = {
    r"^video_affine\.linear": "video_projection",
    r"^query_affine": "query_projection",
    r"^feature_encoder\.": "encoder.",
    r"pos_embedding\.position_embeddings": "positions",
    r"depthwise_separable_conv\.(\d)\.0": r"depthwise.\1",
    r"depthwise_separable_conv\.(\d)\.1": r"pointwise.\1",
    r"conv_block\.layer_norms": "conv_block.norms",
    r"layer_norm1": "norm_attention",
    r"layer_norm2": "norm_out",
    r"out_layer": "out",
    r"^cq_attention\.w4C": "attention.video_weight",
    r"^cq_attention\.w4Q": "attention.query_weight",
    r"^cq_attention\.w4mlu": "attention.product_weight",
    r"^cq_attention\.cqa_linear": "attention.out",
    r"^cq_concat\.weighted_pool\.weight": "pool_weight",
    r"^cq_concat\.conv1d": "join",
    r"^highlight_layer\.conv1d": "highlight",
    r"^predictor\.encoder": "span_encoder",
    r"^predictor\.(start|end)_layer_norm": r"\1_norm",
    r"^predictor\.(start|end)_block": r"\1_head",
    r"\.conv1d": "",
}


def ours(tensors, prefix):
    """Tensors of the golden file under our names and shapes."""
    found = {}
    for name, value in tensors.items():
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            for pattern, replacement in RENAMED.items():
                name = re.sub(pattern, replacement, name)
            linear = value.dim() == 3 and value.shape[2] == 1 and "depthwise" not in name
            found[name] = value.squeeze(2) if linear else value
    return found


@pytest.fixture(scope="module")
def case(golden):
    setting = json.loads((golden / "vslnet.json").read_text())
    tensors = load_file(golden / "vslnet.safetensors")
    head = VSLNet(
        setting["video_feature_dim"],
        setting["token_dim"],
        dim=setting["dim"],
        num_heads=setting["num_heads"],
        max_pos_len=setting["max_pos_len"],
    )
    head.load_state_dict(ours(tensors, "weights."))
    return setting, tensors, head.eval()


def test_golden_vslnet(case):
    setting, t, head = case
    scores = head(t["video"], t["video_mask"], t["tokens"], t["token_mask"])
    for name in SpanScores._fields:
        torch.testing.assert_close(getattr(scores, name), t[name], rtol=1e-5, atol=1e-5)
    labels = highlight_labels(
        t["start_labels"],
        t["end_labels"],
        t["video_lengths"],
        size=t["video"].shape[1],
        extend=setting["highlight_extend"],
    )
    torch.testing.assert_close(labels, t["highlight_labels"])
    loss = vslnet_loss(
        scores,
        start=t["start_labels"],
        end=t["end_labels"],
        highlight=labels,
        video_mask=t["video_mask"],
        highlight_weight=setting["highlight_lambda"],
    )
    torch.testing.assert_close(loss.total, t["loss"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(loss.span, t["loss_span"], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(loss.highlight, t["loss_highlight"], rtol=1e-5, atol=1e-5)

    head.zero_grad()
    loss.total.backward()
    expected = ours(t, "grad.")
    gradients = {name: p.grad for name, p in head.named_parameters()}
    assert gradients.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(gradients[name], value, rtol=1e-5, atol=1e-5, msg=lambda m, n=name: f"{n}: {m}")

    first, last, probability = top_spans(scores, k=t["top5_start"].shape[1])
    assert torch.equal(first, t["top5_start"])
    assert torch.equal(last, t["top5_end"])
    assert (probability.diff(dim=1) <= 0).all()


def test_golden_nlq_sampling(golden):
    document = json.loads((golden / "nlq_sampling.json").read_text())
    assert document["cases"]
    for case in document["cases"]:
        bins = pool_to_bins(torch.tensor(case["features"]), document["max_pos_len"])
        torch.testing.assert_close(bins, torch.tensor(case["sampled"]), rtol=1e-5, atol=1e-5)
        line = {"duration_s": case["duration"], "num_bins": len(bins)}
        found = span_to_bins(case["start"], case["end"], **line)
        assert found == (case["start_index"], case["end_index"])
        assert bins_to_span(*found, **line) == pytest.approx(case["index_to_time"], abs=1e-5)


def test_at_one_padded_length_a_query_does_not_feel_its_batch(case):
    _, t, head = case
    names = ("video", "video_mask", "tokens", "token_mask")
    alone = head(*(t[name][1:2] for name in names))
    together = head(*(t[name] for name in names))
    torch.testing.assert_close(alone.start_logits[0], together.start_logits[1], rtol=1e-5, atol=1e-5)


def test_pooling_equals_slow_means():
    torch.manual_seed(0)
    for n in (129, 130, 200, 1000):
        x = torch.randn(n, 3, dtype=torch.float64)
        borders = [min(round(i / 128 * n), n - 1) for i in range(129)]
        slow = torch.stack([x[a : max(b, a + 1)].mean(0) for a, b in pairwise(borders)])
        torch.testing.assert_close(pool_to_bins(x, 128), slow)


def test_pooling_gives_no_nan_for_any_length():
    for n in range(1, 400):
        bins = pool_to_bins(torch.ones(n, 1), 128)
        assert len(bins) == min(n, 128)
        assert (bins == 1).all()


def test_one_segment_and_spans_beyond_the_video():
    assert span_to_bins(0.1, 0.2, duration_s=1.0, num_bins=1) == (0, 0)
    assert span_to_bins(8.0, 30.0, duration_s=10.0, num_bins=10) == (8, 9)
    scores = SpanScores(torch.ones(1, 1), torch.zeros(1, 1), torch.zeros(1, 1))
    first, last, _ = top_spans(scores)
    assert first.tolist() == last.tolist() == [[0]]


def test_heads_must_divide_the_channels():
    with pytest.raises(ValueError, match="30"):
        VSLNet(4, 4, dim=30, num_heads=4)


def test_dropout_of_a_cpu_is_dropout():
    torch.manual_seed(0)
    layer = Dropout(0.2)
    x = torch.full((1001, 1001), 3.0, requires_grad=True)
    y = layer(x)
    assert set(y.unique().tolist()) == {0.0, 3.75}
    assert (y == 0).float().mean() == pytest.approx(0.2, abs=2e-3)
    places = (y.detach() == 0).float()
    for shifted in (places[1:], places[:, 1:], places[4:]):  # neighbours are drawn independently
        same = (shifted * places[: len(shifted), : shifted.shape[1]]).mean()
        assert same == pytest.approx(0.04, abs=1e-3)
    y.sum().backward()
    assert torch.equal(x.grad == 0, y == 0)
    torch.manual_seed(0)
    assert torch.equal(layer(x), y)
    assert torch.equal(layer.eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)


def test_attention_is_the_same_with_and_without_dropout():
    torch.manual_seed(0)
    block = AttentionBlock(8, 2, dropout=1e-9)  # less than the smallest share: nothing is dropped
    x, mask = torch.randn(3, 5, 8), torch.tensor([[1.0] * 5, [1.0, 1.0, 1.0, 0.0, 0.0], [1.0] + [0.0] * 4])
    torch.testing.assert_close(block.train()(x, mask), block.eval()(x, mask))
