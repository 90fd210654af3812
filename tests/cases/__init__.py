"""Tests of the inner loop."""
