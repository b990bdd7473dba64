"""Network interfaces that hardware types share."""
