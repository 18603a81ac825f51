"""The read-only HTTP API, and `api.handoff`, which says what the published files hold. Kept empty: light to import."""
