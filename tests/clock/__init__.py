"""The clock: summer time, zones of people and of the server, month ends, and days in which nothing ran."""
