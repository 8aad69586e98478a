"""Ours against torch, JAX and scikit-learn, those that are installed: `numbanet bench` of this checkout.

Takes the options of `numbanet bench`. Each library runs in a process of its own, and they take turns; what they run is
in `numbanet/bench/`, in torch_peer.py, jax_peer.py and sklearn_peer.py.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from numbanet.cli import main

if __name__ == "__main__":
    sys.exit(main(["bench", "--peers", *sys.argv[1:]]))
