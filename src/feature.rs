//! Behavioural features: aggregates over the events of an entity, exact within a window.
//!
//! This room knows neither policies nor payments: the engine tells it which stream a value belongs to.

mod all_time;
mod event;
pub mod forward;
mod grid;
mod large;
mod reading;
mod ring;
mod sketch;
pub mod spec;
pub mod state;
pub mod store;
mod summary;
mod wide;
