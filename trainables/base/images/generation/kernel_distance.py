"""The kernel distance of two samples of features, by which generated pictures are compared with real ones."""

from __future__ import annotations

from torch import Tensor

DEGREE, OFFSET = 3, 1.0  # of the polynomial kernel, as Bińkowski et al. 2018 ("Demystifying MMD GANs") choose them


def kernel_distance(first: Tensor, second: Tensor) -> float:
    """Estimate the squared maximum mean discrepancy of two distributions without bias (Gretton et al. 2012, eq. 3).

    With the kernel k(x, y) = (x·y/d + 1)³ it is the kernel inception distance of Bińkowski et al. 2018, on features of
    any network. 0 is the expected value for two samples of one distribution, so that an estimate may be below 0.

    Args:
        first: (m, d) features, m at least 2.
        second: (n, d) features, n at least 2.
    """
    x, y = first.double(), second.double()
    across = _kernel(x, y).mean()
    return float(_mean_without_diagonal(_kernel(x, x)) + _mean_without_diagonal(_kernel(y, y)) - 2 * across)


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + OFFSET) ** DEGREE


def _mean_without_diagonal(kernel: Tensor) -> Tensor:
    n = len(kernel)
    return (kernel.sum() - kernel.diagonal().sum()) / (n * (n - 1))
