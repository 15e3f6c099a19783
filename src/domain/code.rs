//! Codes: the alphabet, the folding, the check letters.
