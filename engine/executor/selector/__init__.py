"""Selectors: traders whose model, or score, weighs strategies of a library and never touches their settings."""
