//! Black-box tests over the public surface: one binary, a file per room.
#![cfg(test)]
mod bundle;
mod intake;
mod layers;
mod syntax;
