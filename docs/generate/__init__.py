"""What generates the tables and pictures of docs/optimal-control.md."""
