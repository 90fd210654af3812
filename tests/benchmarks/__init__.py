"""Benchmarks (`make bench`): how far npsapp is from the least a program could do. Never part of the tests."""
