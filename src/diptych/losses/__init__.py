"""What can stand beside or in place of L1, a file each; `training/state.py` chooses among them."""
