"""Whom we ask now, and whom not, and why."""
