"""The losses against the authors' numbers and against literal loops."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file

from hiero_lib.models.plan import levels_apart, video_rows
from hiero_lib.training.losses import PairGeometry, functional_threads_loss, video_narration_loss


def golden_losses(golden, kind):
    tensors = load_file(golden / "losses.safetensors")
    cases = [case for case in json.loads((golden / "losses.json").read_text()) if case["case"].startswith(kind)]
    assert cases
    for case in cases:
        yield case, {k.split(".", 1)[1]: v for k, v in tensors.items() if k.startswith(case["case"] + ".")}


def close(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("block", [8192, 7])
def test_video_narration_loss_equals_golden(golden, block):
    for case, t in golden_losses(golden, "vna"):
        video, text = t["video"].clone().requires_grad_(), t["text"].clone().requires_grad_()
        loss = video_narration_loss(
            video,
            text,
            PairGeometry(t["pos"], t["video_batch"], t["timestamps"], t["text_batch"], t["depth"]),
            alpha=case["alpha"],
            beta=case["beta"],
            mode=case["mode"],
            temperature=case["temperature"],
            block=block,
        )
        close(loss, t["loss"])
        loss.backward()
        close(video.grad, t["grad_video"])
        close(text.grad, t["grad_text"])


@pytest.mark.parametrize("block", [4096, 9])
def test_functional_threads_loss_equals_golden(golden, block):
    for case, t in golden_losses(golden, "ft"):
        x = t["x"].clone().requires_grad_()
        depths = [depth for depth in t["depth"].unique().tolist() if depth > 0]
        rows = [t["depth"] == depth for depth in depths]
        by_video = levels_apart([video_rows(t["video"][at]) for at in rows])
        nodes, threads = (torch.cat([values[at] for at in rows]) for values in (x, t["assignments"]))
        loss, _ = functional_threads_loss(nodes, by_video, threads, temperature=case["temperature"], block=block)
        close(loss, t["loss"])
        loss.backward()
        close(x.grad, t["grad_x"])


def literal_vna(segments, narrations, geometry, alpha, beta, temperature):
    """Both directions, one pair at a time."""
    n, m = len(segments), len(narrations)
    cosine = [[float(torch.cosine_similarity(s, t, dim=0)) / temperature for t in narrations] for s in segments]

    def relation(i, j):
        same = bool(geometry.segment_video[i] == geometry.narration_video[j])
        gap = abs(float(geometry.segment_pos[i] - geometry.narration_time[j]))
        positive = same and gap <= 1 / alpha
        return positive, positive or beta <= 0 or not same or gap <= beta / alpha

    rows = [i for i in range(n) if any(relation(i, j)[0] for j in range(m))]
    columns = [j for j in range(m) if any(relation(i, j)[0] for i in range(n))]

    def direction(outer, inner, flip):
        terms = []
        for a in outer:
            pairs = [(a, b) if not flip else (b, a) for b in inner]
            positive = sum(math.exp(cosine[i][j]) for i, j in pairs if relation(i, j)[0])
            every = sum(math.exp(cosine[i][j]) for i, j in pairs if relation(i, j)[1])
            terms.append(-math.log(positive / every))
        return sum(terms) / len(terms)

    return direction(rows, columns, False) + direction(columns, rows, True)


@pytest.mark.parametrize("beta", [-1.0, 3.0])
@pytest.mark.parametrize("block", [100, 8])
def test_video_narration_loss_equals_the_literal_one(beta, block):
    generator = torch.Generator().manual_seed(1)
    segments = torch.randn(30, 5, generator=generator, dtype=torch.float64)
    narrations = torch.randn(9, 5, generator=generator, dtype=torch.float64)
    geometry = PairGeometry(
        torch.arange(30) % 15 * 0.5,
        torch.arange(30) // 15,
        torch.rand(9, generator=generator) * 9,
        torch.arange(9) % 2,
    )
    ours = video_narration_loss(segments, narrations, geometry, alpha=0.8, beta=beta, temperature=0.3, block=block)
    assert float(ours) == pytest.approx(literal_vna(segments, narrations, geometry, 0.8, beta, 0.3), rel=1e-5)


def test_functional_threads_loss_equals_the_literal_one():
    generator = torch.Generator().manual_seed(2)
    levels = []
    terms, shares, without_self = [], [], []
    for n in (17, 8):
        x = torch.randn(n, 4, generator=generator)
        video = torch.randint(0, 3, (n,), generator=generator) * 5  # neither sorted nor consecutive
        thread = torch.randint(0, 3, (n,), generator=generator) + video * 10
        levels.append((x, video_rows(video), thread))
        for i in range(n):
            same_video = [j for j in range(n) if video[j] == video[i]]
            mass = {j: math.exp(float(torch.cosine_similarity(x[i], x[j], dim=0)) / 0.1) for j in same_video}
            own = sum(v for j, v in mass.items() if thread[j] == thread[i])
            terms.append(-math.log(own / sum(mass.values())))
            shares.append(mass[i] / own)
            others = {j: v for j, v in mass.items() if j != i}
            of_thread = sum(v for j, v in others.items() if thread[j] == thread[i])
            without_self.append(-math.log(of_thread / sum(others.values())) if of_thread else 0.0)
    xs, rows, threads = zip(*levels)
    nodes = torch.cat(xs), levels_apart(rows), torch.cat(threads)
    loss, share = functional_threads_loss(*nodes, temperature=0.1)
    assert float(loss) == pytest.approx(sum(terms) / len(terms), rel=1e-5)
    assert float(share) == pytest.approx(sum(shares) / len(shares), rel=1e-5)
    without, same_share = functional_threads_loss(*nodes, temperature=0.1, self_pair=False)
    assert float(without) == pytest.approx(sum(without_self) / len(terms), rel=1e-5)  # lonely nodes give 0
    assert float(same_share) == pytest.approx(float(share))


def test_nothing_in_common_is_zero_with_zero_gradients():
    segments = torch.randn(4, 3, requires_grad=True)
    narrations = torch.randn(2, 3, requires_grad=True)
    far = PairGeometry(torch.arange(4.0), torch.zeros(4), torch.tensor([50.0, 60.0]), torch.zeros(2))
    loss = video_narration_loss(segments, narrations, far)
    loss.backward()
    assert loss.item() == 0
    assert not segments.grad.any()
    none = PairGeometry(torch.arange(4.0), torch.zeros(4), torch.zeros(0), torch.zeros(0))
    assert video_narration_loss(segments, narrations[:0], none).item() == 0
    empty = torch.zeros(0, dtype=torch.int64)
    assert [float(v) for v in functional_threads_loss(torch.zeros(0, 3), video_rows(empty), empty)] == [0, 0]


def test_arguments_are_checked():
    geometry = PairGeometry(torch.zeros(1), torch.zeros(1), torch.zeros(1), torch.zeros(1))
    with pytest.raises(ValueError, match=r"-2\.0"):
        video_narration_loss(torch.ones(1, 2), torch.ones(1, 2), geometry, alpha=-2.0)
    with pytest.raises(ValueError, match="both"):
        video_narration_loss(torch.ones(1, 2), torch.ones(1, 2), geometry, mode="both")  # type: ignore[arg-type]
