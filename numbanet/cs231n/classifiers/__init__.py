"""The course's ``classifiers``: networks."""
