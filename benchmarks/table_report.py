"""What `tables.py` prints: medians, ranks and ratios of the results, as Markdown."""

from statistics import geometric_mean, mean, median

import numpy as np

SMALLER = ("log loss", "RMSE", "MAE")  # is better


def medians(records):
    """Medians over the seeds, by score."""
    return {score: median(record["scores"][score] for record in records) for score in records[0]["scores"]}


def ranks(values, smaller):
    """1 for the best; those that are equal share the mean of their places."""
    values = np.array(values) * (1 if smaller else -1)
    return [(values < value).sum() + ((values == value).sum() + 1) / 2 for value in values]


def complete(found, tables, rivals):
    """Tables on which all the rivals are, and rivals that are on any table."""
    present = [name for name in rivals if any((table, name) in found for table in tables)]
    return [table for table in tables if all((table, name) in found for name in present)], present


def shared(found, tables):
    """The same with those seeds of each table alone that all have, whose rows are the same."""
    kept = {}
    for table in tables:
        each = {key: records for key, records in found.items() if key[0] == table}
        seeds = set.intersection(*({record["seed"] for record in records} for records in each.values())) if each else {}
        for key, records in each.items():
            if some := [record for record in records if record["seed"] in seeds]:
                kept[key] = some
    return kept


def line(first, cells):
    print(f"| {first} | " + " | ".join(cells) + " |")


def head(first, names):
    line(first, names)
    line("---", ["--:"] * len(names))


def mean_ranks(values, tables, rivals, position):
    """The mean over the tables of each rival's rank by the score at this position of its kind."""
    rows = []
    for table in tables:
        score = list(values[table, rivals[0]])[position]
        rows.append(ranks([values[table, name][score] for name in rivals], score in SMALLER))
    return np.mean(rows, axis=0)


def report_scores(found, options):
    found = shared(found, options.tables)
    tables, rivals = complete(found, options.tables, options.rivals)
    if not rivals:
        print("there are no scores")
        return
    values = {key: medians(records) for key, records in found.items()}
    seeds = sorted({len(records) for records in found.values()})
    counted = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    print(f"medians of {counted} seeds, those that all of a table have; at most {options.rows} rows of a table\n")
    head("table, score", rivals)
    for table in options.tables:
        scores = {name: values[table, name] for name in rivals if (table, name) in values}
        if not scores:
            continue
        for position, score in enumerate(next(iter(scores.values()))):
            best = (min if score in SMALLER else max)(each[score] for each in scores.values())
            shown = [f"{scores[name][score]:.4g}" if name in scores else "" for name in rivals]
            bold = [
                f"**{cell}**" if name in scores and scores[name][score] == best else cell
                for name, cell in zip(rivals, shown, strict=True)
            ]
            line(f"{table}, {score}" if position == 0 else score, bold)
    if not tables:
        print("\nno table has scores of all")
        return
    print(f"\non the {len(tables)} tables that have scores of all: {', '.join(tables)}\n")
    head("", rivals)
    for position, score in enumerate(("AUC, R2", "accuracy, RMSE", "log loss, MAE")):
        line(f"mean rank by {score}", [f"{rank:.2f}" for rank in mean_ranks(values, tables, rivals, position)])
    main = {key: next(iter(each.values())) for key, each in values.items()}
    first = [mean(main[table, name] - main[table, rivals[0]] for table in tables) for name in rivals]
    line(f"AUC, R2 less that of {rivals[0]}, mean", [f"{difference:+.4f}" for difference in first])
    behind = [sum(main[table, name] < main[table, rivals[0]] for table in tables) for name in rivals]
    line(f"tables where {rivals[0]} is better", [str(count) for count in behind])


def report_times(found, options):
    tables, rivals = complete(found, options.tables, options.rivals)
    if not rivals:
        print("there are no times")
        return
    seconds = {key: records[-1] for key, records in found.items()}
    counts = sorted({record["threads"] for record in seconds.values()})
    print(f"{' and '.join(map(str, counts))} threads; at most {options.rows} rows of a table; the best turn\n")
    for what, title in (("fit", "seconds of fit"), ("predict", "seconds of predicting 100,000 rows")):
        head(title, rivals)
        for table in options.tables:
            cells = [f"{seconds[table, name][what]:.3g}" if (table, name) in seconds else "" for name in rivals]
            line(table, cells)
        if tables:
            ratios = [
                geometric_mean(seconds[table, name][what] / seconds[table, rivals[0]][what] for table in tables)
                for name in rivals
            ]
            line(f"of {rivals[0]}'s, geometric mean", [f"{ratio:.3g}x" for ratio in ratios])
        print()
