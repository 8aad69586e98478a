"""All that writes LLVM instructions: vectors, the micro-kernel, packing, reductions, elementary functions."""
