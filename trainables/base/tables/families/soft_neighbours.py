"""Averages over rows, weighted by the softmax of negative distances, and their gradient.

Distances are computed in blocks that stay in the processor's cache, and a block's gradient follows its averages at
once: through autograd's own operations most of the time would go into copies of the matrix of distances.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

FAR = 40.0  # exp(-40) is 4e-18: such a neighbour has no weight, and none slows arithmetic by being denormal
LEAST_DISTANCE = 1e-4  # keeps the gradient of a distance finite where two rows are equal
BLOCK_CELLS = 1 << 18  # distances computed at once: 1 MB
KEYS_AT_ONCE = 1024  # of reading: with more, a block has so few queries that its product waits for memory

RowLoss = Callable[[Tensor, slice], Tensor]  # averages (rows, width) of a slice of the queries -> their mean loss


def read(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Average values (k, width) by the softmax over negative distances of queries (n, dim) to keys (k, dim)."""
    sides = [_sides(some) for some in torch.split(keys, KEYS_AT_ONCE)]
    weighted = torch.split(_with_ones(values), KEYS_AT_ONCE)
    blocks = _blocks(len(queries), min(len(keys), KEYS_AT_ONCE))
    sums = torch.cat([_weighted_sums(queries[rows], sides, weighted) for rows in blocks])
    return sums[:, :-1] / sums[:, -1:]


def _weighted_sums(queries: Tensor, sides: Sequence[Tensor], weighted: Sequence[Tensor]) -> Tensor:
    """Return sums over keys, block by block: when a nearer key comes, all earlier weights become smaller."""
    nearest = queries.new_full((len(queries), 1), math.inf)
    sums = queries.new_zeros(len(queries), weighted[0].shape[1])
    for side, values in zip(sides, weighted, strict=True):
        distances = _distances(queries, side)
        lowest = torch.minimum(nearest, distances.amin(1, keepdim=True))
        sums = sums * _weights(nearest, lowest) + _weights(distances, lowest) @ values
        nearest = lowest
    return sums


def loss_and_gradient(points: Tensor, values: Tensor, rows: int, loss: RowLoss) -> tuple[Tensor, Tensor]:
    """Return the mean loss of the first ``rows`` points, none of which sees its own value, and its gradient.

    With weights w = softmax(-d) and averages a = w v, dL/dd_ij = -w_ij g_i (v_j - a_i), where g is the gradient of the
    loss with respect to the averages; d is the root of a square.

    Args:
        points: (k, dim) all rows, the queries first.
        values: (k, width).
        rows: number of queries.
        loss: of the averages of some of them.

    Returns:
        The loss, a scalar, and its gradient with respect to ``points``, (k, dim).
    """
    sides, weighted, extended = _sides(points), _with_ones(values), _with_ones(points)
    total = points.new_zeros(())
    of_keys, of_queries = torch.zeros_like(extended), torch.empty_like(extended[:rows])
    for block in _blocks(rows, len(points)):
        distances = _distances(points[block], sides)
        distances[:, block].fill_diagonal_(math.inf)
        weights = _weights(distances, distances.amin(1, keepdim=True))
        weights[:, block].fill_diagonal_(0.0)
        sums = weights @ weighted
        scale, averages = sums[:, -1:], (sums[:, :-1] / sums[:, -1:]).requires_grad_()
        with torch.enable_grad():
            part = loss(averages, block) * (len(averages) / rows)
        (gradient,) = torch.autograd.grad(part, averages)
        total += part.detach()
        own = (gradient * averages.detach()).sum(1, keepdim=True)
        slopes = torch.mm(torch.cat([-gradient, own], dim=1).div_(scale), weighted.t())
        slopes.mul_(weights).div_(distances)
        of_queries[block] = slopes @ extended
        of_keys.addmm_(slopes.t(), extended[block])
    found = of_keys[:, -1:] * points - of_keys[:, :-1]
    found[:rows] += of_queries[:, -1:] * points[:rows] - of_queries[:, :-1]
    return total, found


def _blocks(queries: int, keys: int) -> Iterator[slice]:
    step = max(1, BLOCK_CELLS // max(1, keys))
    return (slice(start, min(start + step, queries)) for start in range(0, queries, step))


def _with_ones(matrix: Tensor) -> Tensor:
    """Append a column of ones: a product with it also gives sums."""
    return torch.cat([matrix, matrix.new_ones(len(matrix), 1)], dim=1)


def _sides(keys: Tensor) -> Tensor:
    """Return (dim + 2, k) so that a product with ``[-2 q, q q, 1]`` gives squared distances."""
    return torch.cat([keys, keys.new_ones(len(keys), 1), keys.square().sum(1, keepdim=True)], dim=1).t().contiguous()


def _distances(queries: Tensor, sides: Tensor) -> Tensor:
    norms = queries.square().sum(1, keepdim=True)
    squares = torch.cat([queries * -2, norms, torch.ones_like(norms)], dim=1) @ sides
    return squares.clamp_(min=LEAST_DISTANCE**2).sqrt_()


def _weights(distances: Tensor, nearest: Tensor) -> Tensor:
    """Return weights, the nearest row's 1; limited to ``FAR``, as weights further away would be denormal numbers."""
    return (nearest - distances).clamp_(min=-FAR).exp_()
