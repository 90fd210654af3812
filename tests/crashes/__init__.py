"""A real installation whose processes are killed at random moments, and what must hold afterwards."""
