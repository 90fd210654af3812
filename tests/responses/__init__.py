"""Tests of the responses room."""
