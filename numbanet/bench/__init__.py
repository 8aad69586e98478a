"""Measuring numbanet: the table of operations, processes that take turns, the machine's peaks, other libraries.

``numbanet bench``, the asv suite and the regression gate in ``benchmarks/`` are all made of it. Nothing imports it but
those. Its modules use numbanet's public names alone, so that they can measure another commit; see `graft`.
"""
