"""What is there, what can run, and what it costs on this machine."""
