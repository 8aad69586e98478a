"""Networks for tables: recipes that need no tuning, and models that take rows as they are.

`recipe` names presets whose every part is an option, `TableTraining` makes networks of a recipe and a table, and a
`TableModel` is what comes of it.
"""

from .model import TableModel
from .recipe import PRESETS, Recipe, recipe
from .training import TableTraining

__all__ = ["PRESETS", "Recipe", "TableModel", "TableTraining", "recipe"]
