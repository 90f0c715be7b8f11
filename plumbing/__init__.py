"""What lies under every script: how it starts and fails, files, flags, downloads."""
