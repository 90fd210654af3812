"""The post office: letters in, due times, retries, bounces, the do-not-write list."""
