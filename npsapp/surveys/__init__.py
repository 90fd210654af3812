"""What we ask, and in which words."""
