"""Who works here: users, roles, sessions, sign-in and the regions one is responsible for."""
