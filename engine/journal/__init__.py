"""The journal: an append-only, hash-chained log of records on disk. It stores entries and knows nothing of what they
mean.

Anything that touches a disk goes through ``disk.FileSystem``; nothing here reads a clock.
"""
