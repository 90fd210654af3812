"""Reports: what the answers mean, in numbers, pictures and files."""
