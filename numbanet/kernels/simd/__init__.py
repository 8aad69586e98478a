"""All that writes LLVM instructions: vectors, the micro-kernel, packing, reductions, elementary functions.

Each emitter says which plain loop it replaces, and the ratio of their times: the loop's, as numba compiles it, over its
own, measured on one thread of a Zen 5 (AVX-512) by ``python benchmarks/emitters.py NAME``. Below 1.1 at all sizes of
layers, the loop stands in its place, in `kernels`.
"""
