"""Chat models: real ones behind OpenAI-compatible endpoints, and two that answer without any network."""
