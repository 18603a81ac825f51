"""Prices in: recorded bars, a synthetic market, and live venues; each a provider of the same shape."""
