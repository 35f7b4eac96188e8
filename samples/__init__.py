"""The recordings that the project makes for itself, and the scripts and synthesizers behind them."""
