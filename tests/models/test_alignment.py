"""The heads by their definition (METHOD.md, "Formulas"), and the pass that training takes."""

import pytest
import torch
from torch_geometric.data import Batch

from hiero_lib.config import AlignmentConfig
from hiero_lib.data.segments import VideoSegments
from hiero_lib.models.alignment import AlignedModel, TextHead, VisualHead
from hiero_lib.models.probe import SegmentProbe

CONFIG = AlignmentConfig(dim=6, dropout=0.5)


def linear(x, layer):
    return x @ layer.weight.T + layer.bias


def test_the_visual_head_is_its_definition():
    head = VisualHead(4, CONFIG).eval()
    _, first, norm, _, last = head.net
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    y = linear(x, first)
    y = (y - y.mean(1, keepdim=True)) / (y.var(1, keepdim=True, unbiased=False) + norm.eps).sqrt()
    expected = linear((y * norm.weight + norm.bias).relu(), last)
    torch.testing.assert_close(head(x), expected)


def test_dropout_is_on_the_visual_heads_input_and_in_training_only():
    head = VisualHead(400, CONFIG)
    kept = []
    head.net[1].register_forward_hook(lambda module, inputs, output: kept.append(inputs[0]))
    x = torch.ones(2, 400)
    head.train()(x)
    head.eval()(x)
    assert 0.3 < float((kept[0] == 0).float().mean()) < 0.7
    assert set(kept[0].unique().tolist()) == {0.0, 2.0}
    assert torch.equal(kept[1], x)


def test_the_text_head_is_its_definition():
    head = TextHead(5, CONFIG)
    text = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(head(text), linear(linear(text, head.net[0]).relu(), head.net[2]))


class Lengths(torch.nn.Module):
    """A trained encoder of five channels."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(5))

    def forward(self, texts):
        return torch.tensor([[float(len(text))] for text in texts]) * self.scale


def batch_of_two():
    x = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    parts = [x[:4], x[4:]]
    videos = [
        VideoSegments.from_features(p, stride_frames=16, fps=30.0, video_uid=f"v{i}") for i, p in enumerate(parts)
    ]
    return Batch.from_data_list(videos)


def test_a_pass_projects_the_segments_of_level_0_and_the_texts():
    model = AlignedModel(SegmentProbe(), VisualHead(4, CONFIG), TextHead(5, CONFIG)).eval()
    data, text = batch_of_two(), torch.randn(3, 5)
    levels, segments, narrations = model(data, text)
    assert [level.level for level in levels] == [0]
    assert torch.equal(segments, model.visual_head(data.x))
    assert torch.equal(narrations, model.text_head(text))
    assert (segments.shape, narrations.shape) == ((9, 6), (3, 6))


def test_a_trained_encoder_gets_the_narrations_and_the_gradient():
    model = AlignedModel(SegmentProbe(), VisualHead(4, CONFIG), TextHead(5, CONFIG), Lengths()).eval()
    _, _, narrations = model(batch_of_two(), ["cuts", "washes"])
    assert torch.equal(narrations, model.text_head(Lengths()(["cuts", "washes"])))
    narrations.sum().backward()
    assert model.text_encoder.scale.grad is not None


def test_narrations_without_an_encoder_are_refused():
    model = AlignedModel(SegmentProbe(), VisualHead(4, CONFIG), TextHead(5, CONFIG))
    with pytest.raises(TypeError, match="no text encoder to train"):
        model(batch_of_two(), ["cuts"])
