"""What slope certificates are checked with; shares no code with what finds them."""
