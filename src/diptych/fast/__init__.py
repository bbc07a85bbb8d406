"""What is fast on private behaviour of torch or of the processor; each file says what it gains."""
