//! What a scan may hold, and what it is when it is not ours.
