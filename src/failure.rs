//! What the end of an attempt means: causes, the codes that stand for them, and what to do next.
//!
//! Knowledge only: tables that a bundle may override, and pure functions over them. What has happened to
//! a payment is the engine's to know.

pub mod advice;
pub mod card;
pub mod cause;
pub mod code;
mod message;
pub mod tables;
pub mod unmapped;
