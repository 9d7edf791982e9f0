"""Networks as the drivers of proofs see them: layers in order, unsafe cases, attacks, checked witnesses."""
