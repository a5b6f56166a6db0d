//! The service traits of `proto/vajra/v1`, as generated, over the codec of [`super::wire`].
#![allow(
    warnings,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::restriction,
    reason = "generated code"
)]

include!(concat!(env!("OUT_DIR"), "/server/vajra.v1.rs"));
