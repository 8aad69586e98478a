"""The command line."""

from . import Mutant

APPLY, TRAIN, TRAINED = "numbanet/cli/_apply.py", "numbanet/cli/_train.py", "numbanet/cli/_trained.py"
NUMBERS = "tests/test_cli_numbers.py"

MUTANTS = [
    Mutant(
        "evaluate: confusion matrix transposed",
        APPLY,
        "np.add.at(confusions, (y, predicted), 1)",
        "np.add.at(confusions, (predicted, y), 1)",
        f"{NUMBERS}::test_evaluate_on_confusions_known_by_hand",
    ),
    Mutant(
        "evaluate: the training part instead of the test part",
        APPLY,
        "dataset = training if test is None else test",
        "dataset = training",
        f"{NUMBERS}::test_evaluate_on_confusions_known_by_hand",
    ),
    Mutant(
        "predict: the run's --target ignored",
        APPLY,
        "        target=_target(arguments, trained),\n        num_features",
        "        target=arguments.target,\n        num_features",
        f"{NUMBERS}::test_predict_leaves_out_the_column_of_labels_that_the_run_was_trained_with",
    ),
    Mutant(
        "evaluate: the run's --target ignored",
        APPLY,
        "target=_target(arguments, trained) if tabular",
        "target=arguments.target if tabular",
        f"{NUMBERS}::test_evaluate_takes_the_columns_by_name_and_the_target_of_the_run",
    ),
    Mutant(
        "evaluate: a class's accuracy counts all examples",
        APPLY,
        "{row[len(lines) - 1] / row.sum():.2%}",
        "{row[len(lines) - 1] / confusions.sum():.2%}",
        f"{NUMBERS}::test_evaluate_on_confusions_known_by_hand",
    ),
    Mutant(
        "evaluate: accuracy counts the rows of the confusion matrix",
        APPLY,
        'print(f"accuracy  {right / len(y):.2%}',
        'print(f"accuracy  {right / model.output_size:.2%}',
        f"{NUMBERS}::test_evaluate_on_confusions_known_by_hand",
    ),
    Mutant(
        "predict: the smallest probability is written",
        APPLY,
        'f"{p[c]:.6f}"',
        'f"{p.min():.6f}"',
        f"{NUMBERS}::test_predict_gives_labels_and_probabilities_of_the_saved_network",
    ),
    Mutant(
        "train: tested on the validation part",
        TRAIN,
        'trained.predict(parts.test, "the test data") == parts.test.y',
        'trained.predict(parts.validation, "the test data") == parts.validation.y',
        f"{NUMBERS}::test_the_results_are_those_of_the_saved_network_on_each_part",
    ),
    Mutant(
        "train: standardizer fitted on the test part",
        TRAIN,
        "data.Standardizer.fit(train.X)",
        "data.Standardizer.fit(parts.test.X)",
        f"{NUMBERS}::test_the_standardizer_is_that_of_the_training_part_alone",
    ),
    Mutant(
        "train: validated on the training part",
        TRAIN,
        'trained.prepare(parts.validation, "the validation data"),\n        "y_val": parts.validation.y',
        'trained.prepare(parts.train, "the validation data"),\n        "y_val": parts.train.y',
        f"{NUMBERS}::test_the_results_are_those_of_the_saved_network_on_each_part",
    ),
    Mutant(
        "train: the validation part is cut from the whole by the test fraction",
        TRAIN,
        '_split("--validation-fraction", train, arguments.validation_fraction, arguments)',
        '_split("--validation-fraction", train, arguments.test_fraction or 0.1, arguments)',
        f"{NUMBERS}::test_the_parts_are_those_that_were_asked_for",
    ),
    Mutant(
        "train: the share of the test accuracy is that of the validation part",
        TRAIN,
        '"test_accuracy": float(right.mean())',
        '"test_accuracy": float(right.sum() / len(parts.validation))',
        f"{NUMBERS}::test_the_results_are_those_of_the_saved_network_on_each_part",
    ),
    Mutant(
        "train: steps are epochs",
        TRAIN,
        '"steps": solver.iteration',
        '"steps": solver.epoch',
        f"{NUMBERS}::test_counts_times_and_options_of_the_record",
    ),
    Mutant(
        "evaluate: classes matched by number",
        TRAINED,
        "matching[used] = [numbers[dataset.class_names[label]] for label in used]",
        "matching[used] = used",
        f"{NUMBERS}::test_evaluate_matches_classes_by_name",
    ),
    Mutant(
        "fingerprint of the first row only",
        TRAINED,
        "np.ascontiguousarray(dataset.X))",
        "np.ascontiguousarray(dataset.X[:1]))",
        f"{NUMBERS}::test_the_note_on_data_that_were_trained_on_tells_them_from_others",
    ),
]
