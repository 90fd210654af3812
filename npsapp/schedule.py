"""The heartbeat."""
