//! Black-box tests over the public surface: one binary, a file per room.
#![cfg(test)]

mod bundle;
mod evaluate;
mod feature;
mod hand_made;
mod intake;
mod interpret;
mod layers;
mod policies;
mod syntax;
mod testing;
