"""When the program lived: its heartbeat, and the times it stood still."""
