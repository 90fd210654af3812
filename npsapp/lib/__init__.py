"""Helpers that would be useful in any other program: pure, without web, database or queue."""
