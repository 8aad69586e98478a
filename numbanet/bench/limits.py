"""The least time that a step of training takes on this machine: what it is measured against.

That is its floating-point work at the rate of multiply-adds from registers, and behind that the bytes of its update at
the rate at which memory, or the cache that holds so many, gives and takes them; both on all threads, as
`kernels.simd.peaks` measures them. Nothing else counts: activations, losses, and all that lies between operations
could be in caches, or be done on the way. A convolution counts as the sums that define it; algorithms that need fewer
multiplications, such as Winograd's, can be faster than that limit.
"""

from dataclasses import dataclass

from ..operations import OPERATIONS


@dataclass(frozen=True)
class Work:
    """What a step has to do.

    Attributes
    ----------
    flops : int
        Floating-point operations of products and convolutions, forward and backward.
    moved, held : int
        Bytes that its update reads and writes, and those of the arrays that they are in.
    """

    flops: int
    moved: int
    held: int

    def seconds(self, threads):
        """The limit on so many threads."""
        from ..kernels.simd import peaks  # which another commit that is measured may lack

        return self.flops / peaks.multiply_adds(threads) + self.moved / peaks.bandwidth(self.held, threads)


def update_bytes(rule, parameters):
    """Bytes that an update of so many parameters, float32, moves, and those that it goes over: of a rule by name."""
    arrays = [kind.role for kind in OPERATIONS[f"{rule}_update"].arguments.values() if getattr(kind, "axes", "") == "P"]
    return 4 * parameters * (len(arrays) + arrays.count("updated")), 4 * parameters * len(arrays)
