"""What happened: one append-only line per fact."""
