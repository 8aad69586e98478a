"""Sweeps: many trainings over a space of values, side by side, and which of them did best."""
