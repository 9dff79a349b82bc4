"""VSLNet, the grounding head of EgoNLQ, as Ego4D's episodic-memory baseline computes it.

A span-based localiser (Zhang et al., "Span-based Localizing Network for Natural Language Video Localization",
ACL 2020): video and query go through one shared encoder, are joined by context-query attention, a highlighting
score weighs the segments that belong to the answer, and start and end are read off two stacked encodings.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

_MASKED = -1e30  # logit of a padded place


def _hide(logits: Tensor, mask: Tensor) -> Tensor:
    """``logits`` with a very low value where ``mask`` (broadcast, 1 = real) is 0."""
    return logits + (1.0 - mask) * _MASKED


class Dropout(nn.Module):
    """``nn.Dropout``, but that on a CPU the mask comes from 16 random bits a value: a quarter of the time there.

    With 8 heads over 128 bins the masks of attention weights are most of what torch draws in a training step, one
    value at a time. Args: p: share of values that become 0, to 1/65536; the others are scaled by 1 / (1 - p).
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        if not self.training or not 0.0 < self.p < 1.0 or x.device.type != "cpu":
            return F.dropout(x, self.p, self.training)
        words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
        bits = words.view(torch.int16)[: x.numel()].view(x.shape)  # uniform over -2^15 .. 2^15 - 1
        kept = bits >= round(self.p * 2**16) - 2**15
        return x * kept.to(x.dtype).mul_(1.0 / (1.0 - self.p))


class ConvBlock(nn.Module):
    """Depthwise-separable convolutions over time, each a residual branch with LayerNorm in front.

    Shapes: ``[B, L, D]`` to ``[B, L, D]``.
    """

    def __init__(self, dim: int, *, kernel_size: int = 7, num_layers: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        self.depthwise = nn.ModuleList(
            nn.Conv1d(dim, dim, kernel_size, groups=dim, padding=kernel_size // 2, bias=False)
            for _ in range(num_layers)
        )
        self.pointwise = nn.ModuleList(nn.Linear(dim, dim) for _ in range(num_layers))
        self.norms = nn.ModuleList(nn.LayerNorm(dim, eps=1e-6) for _ in range(num_layers))
        self.dropout = Dropout(dropout)

    def forward(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        for depthwise, pointwise, norm in zip(self.depthwise, self.pointwise, self.norms, strict=True):
            # As an image of height 1 whose channels come last, which is how x lies in memory: nothing is copied.
            lines = norm(x).transpose(1, 2).unsqueeze(2)
            assert isinstance(depthwise.weight, Tensor)
            kernel = depthwise.weight.unsqueeze(2)
            branch = F.conv2d(lines, kernel, padding=(0, kernel.shape[3] // 2), groups=x.shape[2])
            branch = branch.squeeze(2).transpose(1, 2)
            x = x + self.dropout(F.relu(pointwise(branch)))
        return x


class AttentionBlock(nn.Module):
    """Multi-head self-attention without output projection, then one linear layer, both residual.

    Shapes: x ``[B, L, D]``, mask ``[B, L]`` (1 = real). Returns ``[B, L, D]``.
    """

    def __init__(self, dim: int, num_heads: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        if dim % num_heads:
            raise ValueError(f"dim {dim} is not a multiple of num_heads {num_heads}")
        self.num_heads = num_heads
        self.query, self.key, self.value = (nn.Linear(dim, dim) for _ in range(3))
        self.norm_attention, self.norm_out = (nn.LayerNorm(dim, eps=1e-6) for _ in range(2))
        self.out = nn.Linear(dim, dim)
        self.dropout = Dropout(dropout)

    def forward(self, x: Float[Tensor, "B L D"], mask: Float[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        y = self.dropout(self.norm_attention(x))
        q, k, v = (
            layer(y).unflatten(2, (self.num_heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        if self.training and self.dropout.p > 0:  # only dropout needs the weights themselves
            weights = torch.softmax(_hide(q @ k.transpose(2, 3) / q.shape[-1] ** 0.5, mask[:, None, None, :]), dim=-1)
            attended = self.dropout(weights) @ v
        else:
            hidden = _hide(torch.zeros_like(mask), mask)[:, None, None, :].expand(-1, -1, x.shape[1], -1)
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask=hidden)
        x = x + self.dropout(attended.transpose(1, 2).flatten(2))
        return x + self.dropout(self.out(self.dropout(self.norm_out(x))))


class FeatureEncoder(nn.Module):
    """Learned positions are added, then ``ConvBlock`` and ``AttentionBlock``; at most ``max_pos_len`` places."""

    def __init__(self, dim: int, num_heads: int, *, max_pos_len: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.positions = nn.Embedding(max_pos_len, dim)
        self.conv_block = ConvBlock(dim, dropout=dropout)
        self.attention_block = AttentionBlock(dim, num_heads, dropout=dropout)

    def forward(self, x: Float[Tensor, "B L D"], mask: Float[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        x = x + self.positions.weight[: x.shape[1]]
        return self.attention_block(self.conv_block(x), mask)


class ContextQueryAttention(nn.Module):
    """Attention between video and query in both directions (BiDAF/QANet), back to D channels.

    Shapes: video ``[B, L, D]``, query ``[B, T, D]``, masks ``[B, L]`` and ``[B, T]``. Returns ``[B, L, D]``.
    """

    def __init__(self, dim: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.video_weight, self.query_weight = (nn.Parameter(torch.empty(dim, 1)) for _ in range(2))
        self.product_weight = nn.Parameter(torch.empty(1, 1, dim))
        for weight in (self.video_weight, self.query_weight, self.product_weight):
            nn.init.xavier_uniform_(weight)
        self.out = nn.Linear(4 * dim, dim)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        video: Float[Tensor, "B L D"],
        query: Float[Tensor, "B T D"],
        video_mask: Float[Tensor, "B L"],
        query_mask: Float[Tensor, "B T"],
    ) -> Float[Tensor, "B L D"]:
        v, q = self.dropout(video), self.dropout(query)
        score = v @ self.video_weight + (q @ self.query_weight).transpose(1, 2)
        score = score + (v * self.product_weight) @ q.transpose(1, 2)
        over_query = torch.softmax(_hide(score, query_mask[:, None, :]), dim=2)
        over_video = torch.softmax(_hide(score, video_mask[:, :, None]), dim=1)
        to_query = over_query @ query
        to_video = over_query @ (over_video.transpose(1, 2) @ video)
        return self.out(torch.cat([video, to_query, video * to_query, video * to_video], dim=2))


class SpanScores(NamedTuple):
    """What the head says of a batch: ``[B, L]`` each; logits are very low at padded places."""

    highlight: Float[Tensor, "B L"]  # probability that a segment belongs to the answer
    start_logits: Float[Tensor, "B L"]
    end_logits: Float[Tensor, "B L"]


class VSLNet(nn.Module):
    """The head: segment features and token features to start and end logits over at most ``max_pos_len`` bins.

    Args:
        video_dim: channels of the (pooled) segment features.
        token_dim: channels of the frozen text encoder's token features.
        dim: hidden channels. num_heads: attention heads. max_pos_len: bins of a video and tokens of a query.
        dropout: everywhere in the head.

    Shapes:
        video ``[B, L, video_dim]``, video_mask ``[B, L]`` (1 = real), tokens ``[B, T, token_dim]``, token_mask
        ``[B, T]``; L and T at most ``max_pos_len``. Returns ``SpanScores``.

    As in the reference, padded places take part in the convolutions, so a result depends on the padded length:
    pad to fixed lengths, and it does not depend on what else is in the batch.
    """

    def __init__(
        self,
        video_dim: int,
        token_dim: int,
        *,
        dim: int = 128,
        num_heads: int = 8,
        max_pos_len: int = 128,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.video_projection = nn.Linear(video_dim, dim)
        self.query_projection = nn.Linear(token_dim, dim)
        self.encoder = FeatureEncoder(dim, num_heads, max_pos_len=max_pos_len, dropout=dropout)
        self.attention = ContextQueryAttention(dim, dropout=dropout)
        self.pool_weight = nn.Parameter(torch.empty(dim, 1))
        nn.init.xavier_uniform_(self.pool_weight)
        self.join = nn.Linear(2 * dim, dim)
        self.highlight = nn.Linear(dim, 1)
        self.span_encoder = FeatureEncoder(dim, num_heads, max_pos_len=max_pos_len, dropout=dropout)
        self.start_norm, self.end_norm = (nn.LayerNorm(dim, eps=1e-6) for _ in range(2))
        self.start_head, self.end_head = (
            nn.Sequential(nn.Linear(2 * dim, dim), nn.ReLU(), nn.Linear(dim, 1)) for _ in range(2)
        )
        self.dropout = Dropout(dropout)

    def forward(
        self,
        video: Float[Tensor, "B L F"],
        video_mask: Float[Tensor, "B L"],
        tokens: Float[Tensor, "B T C"],
        token_mask: Float[Tensor, "B T"],
    ) -> SpanScores:
        v = self.encoder(self.video_projection(self.dropout(video)), video_mask)
        q = self.encoder(self.query_projection(tokens), token_mask)
        x = self.attention(v, q, video_mask, token_mask)
        weights = torch.softmax(_hide(q @ self.pool_weight, token_mask[:, :, None]), dim=1)
        sentence = (q * weights).sum(dim=1, keepdim=True).expand(-1, x.shape[1], -1)
        x = self.join(torch.cat([x, sentence], dim=2))
        highlight = torch.sigmoid(_hide(self.highlight(x).squeeze(2), video_mask))
        x = x * highlight[:, :, None]

        start = self.span_encoder(x, video_mask)
        end = self.span_encoder(start, video_mask)
        start_logits = self.start_head(torch.cat([self.start_norm(start), x], dim=2)).squeeze(2)
        end_logits = self.end_head(torch.cat([self.end_norm(end), x], dim=2)).squeeze(2)
        return SpanScores(highlight, _hide(start_logits, video_mask), _hide(end_logits, video_mask))


class SpanLoss(NamedTuple):
    """The training loss and its parts (scalars)."""

    total: Float[Tensor, ""]
    span: Float[Tensor, ""]
    highlight: Float[Tensor, ""]


def vslnet_loss(
    scores: SpanScores,
    *,
    start: Int[Tensor, " B"],
    end: Int[Tensor, " B"],
    highlight: Shaped[Tensor, "B L"],
    video_mask: Float[Tensor, "B L"],
    highlight_weight: float = 5.0,
) -> SpanLoss:
    """Cross-entropy of start and end, plus the weighted highlighting loss.

    Highlighting is a binary cross-entropy in which the segments of the answer count double, averaged over the
    real places of the batch.

    Shapes:
        start, end ``[B]`` bin indices; highlight ``[B, L]`` 1 inside the extended answer; video_mask ``[B, L]``.
    """
    span = F.cross_entropy(scores.start_logits, start) + F.cross_entropy(scores.end_logits, end)
    labels = highlight.to(scores.highlight.dtype)
    places = F.binary_cross_entropy(scores.highlight, labels, reduction="none") * (1.0 + labels) * video_mask
    lit = places.sum() / (video_mask.sum() + 1e-12)
    return SpanLoss(span + highlight_weight * lit, span, lit)


def highlight_labels(
    start: Int[Tensor, " B"], end: Int[Tensor, " B"], lengths: Int[Tensor, " B"], *, size: int, extend: float = 0.1
) -> Int[Tensor, "B {size}"]:
    """``[B, size]`` int64: 1 from start to end (both included), widened by ``extend`` of the span on both sides.

    The widening is rounded to whole places and cut at the video's ends.
    """
    widen = torch.round(extend * (end - start + 1).cpu().double()).long().to(end.device)
    first = (start - widen).clamp(min=0)
    last = torch.minimum(end + widen, lengths - 1)
    place = torch.arange(size, device=start.device)
    return ((place >= first[:, None]) & (place <= last[:, None])).long()


def top_spans(
    scores: SpanScores, *, k: int = 5
) -> tuple[Int[Tensor, "B k"], Int[Tensor, "B k"], Float[Tensor, "B k"]]:
    """The k most probable spans of the joint start-end distribution, best first.

    Returns ``(start, end, probability)``, each ``[B, min(k, L * L)]``; start <= end.
    """
    start, end = torch.softmax(scores.start_logits, dim=1), torch.softmax(scores.end_logits, dim=1)
    joint = torch.triu(start[:, :, None] * end[:, None, :])
    length = joint.shape[1]
    probability, flat = joint.flatten(1).topk(min(k, length * length), dim=1)
    return flat // length, flat % length, probability


def pool_to_bins(x: Float[Tensor, "N F"], max_pos_len: int) -> Float[Tensor, "L F"]:
    """``[N, F]`` to ``[min(N, max_pos_len), F]``: means over bins of (nearly) equal length; short ones as they are.

    The borders are ``round(i * N / max_pos_len)``, halves to even, and at most N - 1, as in the reference: the last
    bin lacks the last segment, unless that is all it has.
    """
    n = len(x)
    if n <= max_pos_len:
        return x
    steps = torch.arange(max_pos_len + 1, dtype=torch.float64)  # in float32 some borders fall to the other side
    borders = torch.round(steps / max_pos_len * n).long().clamp(max=n - 1).to(x.device)
    first = borders[:-1]
    size = (borders[1:] - first).clamp(min=1)
    last = int(first[-1] + size[-1])
    owner = torch.repeat_interleave(torch.arange(max_pos_len, device=x.device), size)
    sums = torch.zeros(max_pos_len, x.shape[1], dtype=x.dtype, device=x.device)
    return sums.index_add_(0, owner, x[:last]) / size[:, None]


def span_to_bins(start_s: float, end_s: float, *, duration_s: float, num_bins: int) -> tuple[int, int]:
    """The bins (first, last; both included) whose joint span has the highest IoU with the seconds given."""
    edges = torch.arange(num_bins + 1, dtype=torch.float64) / num_bins * duration_s
    left, right = edges[:-1, None], edges[None, 1:]
    overlap = (torch.clamp(right, max=end_s) - torch.clamp(left, min=start_s)).clamp(min=0)
    union = torch.clamp(right, min=end_s) - torch.clamp(left, max=start_s)
    # Only spans that do not run backwards are candidates; a backward one has no overlap.
    best = int((overlap / union).argmax())
    return best // num_bins, best % num_bins


def bins_to_span(first: int, last: int, *, duration_s: float, num_bins: int) -> tuple[float, float]:
    """Seconds from the start of bin ``first`` to the end of bin ``last``."""
    return first / num_bins * duration_s, (last + 1) / num_bins * duration_s
