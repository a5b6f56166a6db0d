//! Limits: what an entity has used and reserved, and what a payment holds.
//!
//! State only. Which limits there are and what they say is policy; when a payment reserves, confirms or
//! gives back is the engine's to say. What is read depends on what was changed and on the time alone:
//! nothing has to be swept for a window to pass or for a reservation to end.

pub mod calendar;
pub mod hold;
pub mod state;
pub mod store;
