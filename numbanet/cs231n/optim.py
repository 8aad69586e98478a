"""The course's ``optim.py``: ``next_w, config = rule(w, dw, config)``, with its options and defaults.

`rmsprop` and `adam` also take ``epsilon_inside_root`` in `config`; see `numbanet.optim`.
"""

from numbanet.optim import adam, rmsprop, sgd, sgd_momentum

__all__ = ["adam", "rmsprop", "sgd", "sgd_momentum"]
