//! The messages and clients of `proto/vajra/v1`, as generated.
#![allow(
    warnings,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::restriction,
    reason = "generated code"
)]

include!(concat!(env!("OUT_DIR"), "/client/vajra.v1.rs"));
