"""Several people, workers and processes at once: what the tables say afterwards."""
