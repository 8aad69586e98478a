"""JAX's side once more, for training an epoch at a time: XLA sees the loop over the steps too."""

from .jax_peer import scanned_network as network
from .jax_peer import set_threads

__all__ = ["network", "set_threads"]
