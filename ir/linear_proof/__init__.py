"""What certificates about networks are checked with; shares no code with what finds them."""
