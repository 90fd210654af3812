"""Whom we ask: people, their addresses, grounds, and the facts that stop an invitation."""
