//! Black-box tests over the public surface: one binary, a file per room.
#![cfg(test)]

mod backtest;
mod bundle;
mod check;
mod config;
mod engine;
mod evaluate;
mod feature;
mod hand_made;
mod intake;
mod interpret;
mod layers;
mod list;
mod policies;
mod server;
mod syntax;
mod testing;
mod traffic;
