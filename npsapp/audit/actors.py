"""Who does something: a user, a customer, somebody at the server's shell, or the program itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """Who did it: a user, a customer, somebody at the server's shell, or the program itself."""

    type: str
    id: int | None = None


PROGRAM = Actor("program")
COMMAND = Actor("command")


def by_user(user_id: int) -> Actor:
    """A signed-in user."""
    return Actor("user", user_id)


def by_customer(customer_id: int | None) -> Actor:
    """A customer on a public page."""
    return Actor("customer", customer_id)
