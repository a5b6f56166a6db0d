//! The server as its callers see it: over real sockets, with the generated client.
#![expect(clippy::large_futures, reason = "a call of the generated client is one, and tests wait")]
#![expect(clippy::inconsistent_digit_grouping, reason = "money is written as 5_00")]
#![expect(clippy::disallowed_methods, reason = "a test spawns its callers by itself")]

mod codes;
mod drain;
mod durable;
mod errors;
mod explain;
mod fuzz;
pub(crate) mod harness;
mod http;
mod lists;
mod overload;
pub(crate) mod process;
mod reload;
mod rpc;
mod stream;
