//! The gRPC services and the HTTP side.
