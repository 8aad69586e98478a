"""The course's ``optim.py``: ``next_w, config = rule(w, dw, config)``, with its options and defaults.

`rmsprop` and `adam` also take ``epsilon_inside_root`` in `config`; see `numbanet.optim`.
"""

from numbanet import optim
from numbanet._checks import mapping
from numbanet.cs231n._params import course_names, our_names

__all__ = ["adam", "rmsprop", "sgd", "sgd_momentum"]


def _with_course_names(rule):
    def update(w, dw, config=None):
        given = {} if config is None else mapping("config", config, "options and state")
        next_w, filled = rule(w, dw, our_names(given))
        given.update(course_names(filled))
        return next_w, given

    update.__name__ = update.__qualname__ = rule.__name__
    update.__doc__ = rule.__doc__.replace("eps", "epsilon")
    return update


sgd, sgd_momentum = optim.sgd, optim.sgd_momentum
rmsprop, adam = map(_with_course_names, (optim.rmsprop, optim.adam))
