"""What whoever runs the server needs: logs, metrics, a doctor, backups, and files for systemd and nginx."""
