"""Rows as integer systems: what they mean, how they are scaled, bounded and added up exactly."""
