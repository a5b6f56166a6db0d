//! The gRPC services and the HTTP side.

pub mod proto;
