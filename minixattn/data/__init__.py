"""Data to learn from, drawn without end from a seed; read `digits` first."""
