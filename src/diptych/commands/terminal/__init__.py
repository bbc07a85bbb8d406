"""The terminal's own matters: what is printed and counted, and the options that commands share."""
