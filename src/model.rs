//! Plain data that every other room speaks: times, values, fields, payments, outcomes, decisions.
//!
//! Nothing here does I/O, reads a clock or knows a policy. Values that exist are valid: what comes
//! from outside passes [`intake`] once and is not checked again.

pub mod card_number;
pub mod codec;
pub mod columns;
pub mod currency;
pub mod decision;
pub mod entity;
pub mod failure;
pub mod field;
pub mod intake;
pub mod limit;
pub mod outcome;
pub mod packed;
pub mod payment;
pub mod settlement;
pub mod snapshot;
pub mod time;
pub mod value;
pub mod verdict;
pub mod words;
