//! The server as its callers see it: over real sockets, with the generated client.

mod drain;
mod errors;
mod fuzz;
mod harness;
mod http;
mod lists;
mod overload;
mod reload;
mod rpc;
mod stream;
