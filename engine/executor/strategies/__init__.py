"""Strategies and baselines: decisions without a language model, each built by its name from settings."""

from engine.executor.strategies.catalogue import STRATEGIES, StrategyError, build

__all__ = ["STRATEGIES", "StrategyError", "build"]
