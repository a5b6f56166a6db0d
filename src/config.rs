//! Settings of the server: file, environment, checked whole.
