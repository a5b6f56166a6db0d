//! Replays history through the engine and scores the policies against labels.
//!
//! Data files become rows ([`source`], [`cell`], [`row`]) by what a map says ([`map`]).

pub mod cell;
pub mod decimal;
pub mod map;
pub mod problem;
pub mod row;
pub mod source;
