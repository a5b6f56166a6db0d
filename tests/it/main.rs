//! Black-box tests over the public surface: one binary, a file per room.
#![cfg(test)]
mod engine;
mod intake;
mod layers;
mod list;
mod syntax;
