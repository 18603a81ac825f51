"""Publishing: what the journal's records look like in the nof1 wire format, and putting it where the API reads it."""
