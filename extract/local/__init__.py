"""Models that run on the user's own machine: their weights, and the process that serves them."""
