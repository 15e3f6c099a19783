//! Bytes from a scanner or a keyboard, framed into scans, typed text and commands.
