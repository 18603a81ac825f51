"""The simulated venue: one account, net per coin, with costs, margin, funding and liquidation, and a log of its own."""
