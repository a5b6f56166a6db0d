//! Black-box tests over the public surface: one binary, a file per room.
#![cfg(test)]
#![expect(
    clippy::cast_precision_loss,
    clippy::clone_on_ref_ptr,
    clippy::float_cmp,
    clippy::format_collect,
    clippy::format_push_string,
    clippy::inconsistent_digit_grouping,
    clippy::integer_division,
    clippy::needless_pass_by_value,
    clippy::redundant_clone,
    clippy::ref_option,
    clippy::string_slice,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    reason = "a test computes by the plainest means, and a panic is how it fails"
)]

mod backtest;
mod bundle;
mod channel;
mod check;
mod config;
mod crash;
mod engine;
mod evaluate;
mod failure;
mod feature;
mod hand_made;
mod intake;
mod interpret;
mod journal;
mod layers;
mod limit;
mod list;
mod policies;
mod program;
pub(crate) mod server;
mod simulation;
mod syntax;
mod testing;
mod traffic;
