//! Vajra decides, before a payment is authorised, whether to **allow**, **challenge** or **block** it,
//! and says what to do next.
//!
//! The map, from the bottom up; a module uses those above it in this list, never below:
//!
//! | module | what it is |
//! |---|---|
//! | [`model`] | plain data: time, values, fields, payments, outcomes, decisions |
//! | [`list`] | lists of values that policies look up |
//! | [`failure`] | what the end of an attempt means, and what to do next |
//! | [`feature`] | behavioural features over the events of an entity |
//! | [`limit`] | what entities have used and reserved of limits |
//! | [`channel`] | the channels an attempt can take, how they did of late, and their retry budgets |
//! | [`policy`] | the language: parse, check, compile, interpret |
//! | [`engine`] | score · settle · apply: the only place that joins the above |
//! | [`journal`] | where applied changes go |
//! | [`testing`] | runs policy tests on the engine with a virtual clock |
//! | [`traffic`] | labelled synthetic payments |
//! | [`simulation`] | payments at a made-up provider, to see what advice is worth |
//! | [`backtest`] | replays history through the engine |
//! | [`server`] | gRPC and HTTP |
//! | [`command`] | one function per command of the program |
//!
//! What is deliberately absent: no clock below [`server`] and [`command`] (`now` is an argument), no
//! I/O in [`engine`] and below it, no generated wire type outside [`server`], no Rhai outside
//! [`policy`] and [`testing`].

pub mod backtest;
pub mod channel;
pub mod command;
pub mod config;
pub mod engine;
pub mod failure;
pub mod feature;
pub mod journal;
pub mod limit;
pub mod list;
pub mod model;
pub mod policy;
pub mod server;
pub mod simulation;
pub mod telemetry;
pub mod testing;
pub mod traffic;
