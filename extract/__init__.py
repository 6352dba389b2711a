"""Turn a feed of paper titles and abstracts into a SQL database of what they state."""
