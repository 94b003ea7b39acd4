"""Rules tried on the past, in processes of their own."""
