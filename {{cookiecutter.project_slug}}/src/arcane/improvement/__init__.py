"""What to do about the error: actions, their acceptance beyond noise, the loop that tries them and its logbook."""
