"""The spec language: syntax, meaning, lowering to blocks and tasks."""
