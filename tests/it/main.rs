//! Black-box tests over the public surface: one binary, a file per room.
#![cfg(test)]

mod bundle;
mod check;
mod engine;
mod evaluate;
mod feature;
mod hand_made;
mod intake;
mod interpret;
mod layers;
mod list;
mod policies;
mod syntax;
mod testing;
mod traffic;
