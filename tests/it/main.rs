//! Black-box tests over the public surface: one binary, a file per room.
#![cfg(test)]
mod check;
mod intake;
mod layers;
mod syntax;
