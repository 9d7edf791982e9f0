"""From rows to penalties with proved weights, and to other weights."""
