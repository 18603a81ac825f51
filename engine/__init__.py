"""The engine: decides, trades, keeps the books and publishes what happened. This file holds the version alone."""

__version__ = "0.1.0"
