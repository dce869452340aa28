"""The operations, one file a kind; each shows its forward and its derivative together."""
