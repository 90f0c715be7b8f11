"""Break the scripts on purpose."""
