"""Programs run by hand, `python -m tools.NAME`. No script imports them."""
