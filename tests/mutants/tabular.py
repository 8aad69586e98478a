"""Recipes for tables, and the models and estimators that come of them."""

from tests.mutants import Mutant

MODELS = "tests/test_tabular.py::"
ESTIMATORS = "tests/test_tabular_sklearn.py::"
TORCH = f"{MODELS}test_td_s_learns_as_torch_does"
PARTS = f"{MODELS}test_every_part_is_an_option"


def _mutant(what, file, old, new, test):
    return Mutant(what, f"numbanet/{file}.py", old, new, test)


MUTANTS = [
    _mutant("biases learn at the full rate", "tabular/recipe", '"b": 0.1,', '"b": 1.0,', TORCH),
    _mutant("Adam forgets slowly", "tabular/recipe", '"beta2": 0.95,', '"beta2": 0.999,', TORCH),
    _mutant(
        "weights are learnt as they are", "tabular/networks", '"ntk" if recipe.ntk', '"standard" if recipe.ntk', TORCH
    ),
    _mutant(
        "all weights begin at zero",
        "tabular/networks",
        "zero = last and",
        "zero =",
        f"{MODELS}test_td_s_is_as_published",
    ),
    _mutant("a weight decay has no schedule", "tabular/networks", 'schedule != "constant"', "False", PARTS),
    _mutant("the loss chooses whatever is asked", "tabular/networks", 'recipe.monitor == "loss"', "True", PARTS),
    _mutant(
        "rows of weight 0 are learnt from",
        "tabular/training",
        "if streamed else table[counted]",
        "if streamed else table",
        f"{MODELS}test_rows_of_weight_zero_are_as_if_they_were_not_there",
    ),
    _mutant(
        "packed networks are alike",
        "tabular/training",
        "dtype=dtype, seed=seed + place",
        "dtype=dtype, seed=seed",
        f"{MODELS}test_packed_networks_are_trained_by_themselves_and_averaged",
    ),
    _mutant(
        "the first network alone predicts",
        "tabular/model",
        "network.predict_proba(rows) for network in networks]",
        "network.predict_proba(rows) for network in networks[:1]]",
        f"{MODELS}test_packed_networks_are_trained_by_themselves_and_averaged",
    ),
    _mutant(
        "values are not kept within those of training",
        "tabular/training",
        "TargetScaler.fit(y, recipe.clamp, weights)",
        "TargetScaler.fit(y, False, weights)",
        f"{MODELS}test_values_stay_within_those_of_training",
    ),
    _mutant(
        "the recipe is not stored",
        "checkpoint",
        "None if model.recipe is None else model.recipe.description",
        "None",
        f"{MODELS}test_files_hold_the_whole_model",
    ),
    _mutant(
        "validation data take no part",
        "sklearn/_tabular",
        "held = (table_val, self._targets_seen(y_val), weights_val)",
        "held = None",
        f"{ESTIMATORS}test_validation_data_of_ones_own",
    ),
    _mutant(
        "columns that are said to be categories stay numbers",
        "sklearn/_tabular",
        "return Table.from_arrays(X, categorical=self.categorical)",
        "return Table.from_arrays(X)",
        f"{ESTIMATORS}test_columns_of_numbers_may_be_categories",
    ),
    _mutant(
        "what the preset has counts more than a parameter",
        "tabular/recipe",
        "**{**PRESETS[preset](task), **options}",
        "**{**options, **PRESETS[preset](task)}",
        f"{ESTIMATORS}test_parameters_are_options_of_the_recipe",
    ),
    _mutant(
        "members are one",
        "tabular/networks",
        "loss = MembersLoss(loss, recipe.n_members)",
        "loss = MembersLoss(loss, 1)",
        f"{MODELS}test_members_share_their_weights_and_are_averaged",
    ),
    _mutant(
        "initial values are fitted to rows that do not count",
        "tabular/training",
        "if streamed else X[counted]",
        "if streamed else X",
        f"{MODELS}test_initial_values_are_fitted_to_the_data",
    ),
    _mutant("all tables have the same batches", "tabular/networks", "(rows // 64)", "(0 // 64)", PARTS),
    _mutant(
        "lists become strings",
        "sklearn/_tabular",
        "if isinstance(X, (list, tuple)):",
        "if False:",
        f"{ESTIMATORS}test_lists_keep_their_kinds",
    ),
]
