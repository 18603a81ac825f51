"""Deterministic simulation of the whole engine: one seed decides schedule, disk, venue, models and operator."""
