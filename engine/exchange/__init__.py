"""Orders out: the venues, real and simulated, each satisfying the same port."""
