"""From annotated abstracts to an adapter for the embedded model (extra `train`)."""
