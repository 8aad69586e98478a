"""The command line."""

from . import Mutant

APPLY, DATA = "numbanet/cli/_apply.py", "numbanet/cli/_data.py"
TRAIN, TRAINED = "numbanet/cli/_train.py", "numbanet/cli/_trained.py"
MODELS = "numbanet/cli/_models.py"
NUMBERS, OPTIONS = "tests/test_cli_numbers.py", "tests/test_cli_options.py"

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
        DATA,
        "dataset = training if test is None else test",
        "dataset = training",
        f"{NUMBERS}::test_evaluate_on_confusions_known_by_hand",
    ),
    Mutant(
        "predict: the run's --target ignored",
        DATA,
        "target=_target(arguments, trained),\n            num_features",
        "target=arguments.target,\n            num_features",
        f"{NUMBERS}::test_predict_leaves_out_the_column_of_labels_that_the_run_was_trained_with",
    ),
    Mutant(
        "evaluate: the run's --target ignored",
        DATA,
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
        DATA,
        'fraction = getattr(arguments, f"{name}_fraction")',
        "fraction = arguments.test_fraction",
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
    *(
        Mutant(f"{option} ignored", file, old, new, f"{OPTIONS}::test_options_of_train")
        for option, file, old, new in (
            ("--activation", MODELS, "        activation=arguments.activation,\n", ""),
            (
                "--weight-init",
                MODELS,
                "        weight_init=arguments.weight_init,\n",
                '        weight_init="he_normal",\n',
            ),
            ("--filters", MODELS, "num_filters=arguments.filters", "num_filters=4"),
            ("--filter-size", MODELS, "filter_size=arguments.filter_size", "filter_size=3"),
            ("--blocks", MODELS, "blocks=arguments.blocks", "blocks=1"),
            ("--widths of small-vgg", MODELS, '{"widths": arguments.widths', '{"widths": [4, 4]'),
            ("--normalization", MODELS, 'None if arguments.normalization == "none" else', "None and"),
            ("--l2", MODELS, '"reg": arguments.l2', '"reg": 0.0'),
            ("--loss", MODELS, '"loss": arguments.loss', '"loss": "softmax"'),
            ("--dtype", MODELS, '"dtype": arguments.dtype', '"dtype": "float32"'),
            ("--seed of the weights", MODELS, '"seed": arguments.seed', '"seed": 0'),
            ("--lr-decay", TRAIN, "lr_decay=arguments.lr_decay if", "lr_decay=0.95 if"),
            ("--lr-step", TRAIN, "learning_rate, arguments.lr_step,", "learning_rate, 2,"),
            ("--patience", TRAIN, "        patience=arguments.patience,\n", ""),
            ("--min-delta", TRAIN, "        min_delta=arguments.min_delta,\n", ""),
            ("--monitor", TRAIN, "        monitor=arguments.monitor,\n", ""),
            ("--batch-size", TRAIN, "batch_size=arguments.batch_size", "batch_size=32"),
            ("options of the update rule", TRAIN, "        optim_config=options,\n", ""),
            ("--crop-padding by default is a quarter of a side", TRAIN, "min(side) // 8", "min(side) // 4"),
            ("--crop-padding", TRAIN, "data.Augment(padding if crop", "data.Augment(1 if crop"),
            (
                "--channels of train",
                DATA,
                "            channels=arguments.channels,\n            task",
                "            task",
            ),
            ("--task", DATA, "            task=arguments.task,\n", ""),
            ("--seed of the augmentation", TRAIN, "flip, arguments.seed)", "flip, 0)"),
        )
    ),
    Mutant(
        "train: the split ignores --seed",
        DATA,
        "default if fraction is None else fraction, arguments.seed)",
        "default if fraction is None else fraction, 0)",
        f"{OPTIONS}::test_the_seed_is_also_that_of_the_split_and_the_weights",
    ),
    Mutant(
        "an option without an entry in the table of the tests",
        "numbanet/cli/_options.py",
        'parser.add_argument("--threads"',
        'parser.add_argument("--no-such-option")\n    parser.add_argument("--threads"',
        f"{OPTIONS}::test_every_option_of_every_command_is_tried",
    ),
    Mutant(
        "numbanet --help imports numba",
        "numbanet/cli/_models.py",
        "from ..errors import DataError\n",
        "from ..errors import DataError\nfrom ..networks import SmallVGG  # noqa: F401\n",
        "tests/test_startup.py::test_help_and_mistakes_load_neither_numpy_nor_numba",
    ),
    Mutant(
        "did you mean: the name in other letters is not found",
        "numbanet/_plain.py",
        "text = str(given).lower()",
        "text = str(given)",
        "tests/test_cli.py::test_a_command_line_that_makes_no_sense",
    ),
]
