"""Backtests: the arena of live trading, driven by recorded time."""
