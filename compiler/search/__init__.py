"""What searches over sub-boxes and neuron phases share: open nodes, recorded trees, rules for splitting."""
