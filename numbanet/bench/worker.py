"""A process that measures on request: one line of JSON in, one line of JSON out, on standard input and output.

``prepare`` makes benchmarks ready by id, ``samples`` takes samples of those that are. An id is
``library/kind/name/size``: kernels/operation/affine_forward/64x784x256, torch/network/784-256-128-10 at 64/-.
"""

import importlib
import json
import os
import sys
import traceback
from pathlib import Path

import numbanet

from .timing import fastest, interleaved

LIBRARIES = {
    "kernels": "ours",
    "reference": "ours",
    "numpy": "numpy_peer",
    "torch": "torch_peer",
    "jax": "jax_peer",
    "jax_scan": "jax_scan_peer",
    "sklearn": "sklearn_peer",
}


def build(identity, threads):
    """The benchmark of that id, warm and calibrated; None where its library has nothing that does it."""
    library, kind, name, size = identity.split("/")
    module = importlib.import_module(f".{LIBRARIES[library]}", __package__)
    module.set_threads(threads)
    make = getattr(module, kind, None)
    more = (library,) if LIBRARIES[library] == "ours" else ()
    made = make(name, size, *more) if make else None
    if made is None:
        return None
    return fastest(made if isinstance(made, list) else [made])


def main():
    threads, root = int(sys.argv[1]), Path(sys.argv[2]).resolve()
    if root not in Path(numbanet.__file__).resolve().parents:
        raise SystemExit(f"expected the numbanet in {root}, got {numbanet.__file__}")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    benchmarks = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "prepare" in request:
                benchmarks.clear()
                made = {identity: build(identity, threads) for identity in request["prepare"]}
                benchmarks.update((identity, benchmark) for identity, benchmark in made.items() if benchmark)
                answer = list(benchmarks)
            else:
                answer = interleaved(benchmarks, request["samples"])
            text = json.dumps({"answer": answer})
        except Exception:
            text = json.dumps({"error": traceback.format_exc()})
        try:
            print(text, file=answers, flush=True)
        except BrokenPipeError:  # whoever asked is gone
            os._exit(0)
