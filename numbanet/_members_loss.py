"""The loss of members of an ensemble that are trained as one network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._checks import integer
from .losses import Loss, checked_loss

if TYPE_CHECKING:
    from ._types import Array, FloatArray, Ops
    from .program import Lowering


@dataclass(frozen=True)
class MembersLoss(Loss):
    """The mean of the losses of `members` members, whose scores stand side by side, (N, members * C).

    Each member learns by itself from the same targets, which are those of `loss`. In inference the network has the
    scores (N, C) that say what its members say on average: their mean probabilities for softmax and binary
    cross-entropy, their mean expected counts for the Poisson loss, and else the mean of their scores. So `predict`,
    `score`, `evaluate` and metrics are of the ensemble, by `loss` as if it were one network, while the loss of
    training is that of its members. Source: TabM (Gorishniy, Kotelnikov and Babenko, arXiv:2410.24210, section 3.3).

    Parameters
    ----------
    loss : Loss or str
        Of each member.
    members : int
    """

    loss: Loss | str
    members: int

    def __post_init__(self) -> None:
        loss = checked_loss("MembersLoss: loss", self.loss)
        if isinstance(loss, MembersLoss):
            raise TypeError(f"MembersLoss: loss: expected the loss of one member, got {loss!r}")
        if type(loss).lower is not Loss.lower:
            raise TypeError(f"MembersLoss: loss: {loss!r} has a lower of its own, which knows nothing of members")
        object.__setattr__(self, "loss", loss)
        object.__setattr__(self, "members", integer("MembersLoss: members", self.members, 1))

    @property
    def of_member(self) -> Loss:
        assert isinstance(self.loss, Loss)  # since it was made
        return self.loss

    @property
    def per_output(self) -> bool:  # type: ignore[override]  # nobody sets it
        return self.of_member.per_output

    @property
    def classifies(self) -> bool:  # type: ignore[override]
        return self.of_member.classifies

    def outputs(self, scores: int) -> int:
        if scores % self.members:
            raise ValueError(
                f"loss: {self.members} members have {self.members} * C scores, and the network gives {scores}"
            )
        return scores // self.members

    def merged(self, scores: FloatArray, ops: Ops) -> FloatArray:
        return self.of_member.averaged(scores.reshape(len(scores), self.members, -1), ops)

    def lower(self, net: Lowering, scores: FloatArray, y: Array) -> FloatArray:
        dscores = net.buffer(scores.shape[1])
        of_members = (len(scores) * self.members, -1)
        repeated = np.empty(of_members[0], y.dtype) if y.ndim == 1 else net.buffer(self.members * y.shape[1])
        weights = net.weights
        if y.ndim == 1:
            net.forward("repeat_labels", y, repeated)
        else:
            repeated = repeated.reshape(of_members)
            net.forward("repeat_rows", y, repeated)
        if len(weights):
            weights = net.buffer(self.members).reshape(-1)
            net.forward("repeat_rows", net.weights[:, None], weights[:, None])
        self.of_member.add_to(net, scores.reshape(of_members), repeated, weights, dscores.reshape(of_members))
        return dscores

    def check(self, scores: FloatArray, y: Array, ops: Ops, weights: FloatArray | None = None) -> None:
        k = self.members
        weights = None if weights is None else np.repeat(weights, k)
        self.of_member.check(scores.reshape(len(scores) * k, -1), np.repeat(y, k, axis=0), ops, weights)
