"""What an authority sets: who may pass, whom to warn, and the numbers that detection goes by."""
