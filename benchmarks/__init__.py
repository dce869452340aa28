"""A race: one training step of cross-attention here and in other libraries. See README.md."""
