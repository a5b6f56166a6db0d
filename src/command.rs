//! One function per command of the program.
