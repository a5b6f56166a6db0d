//! Clients of the services, for the commands that speak to a server as any caller does.

mod message;

use std::net::SocketAddr;

pub use super::convert::codes::code_counts;
pub use message::payment_message;
pub use prost_types::Timestamp as WireTime;
pub use tonic::transport::{Channel, Endpoint, Error};
pub use tonic::{Code, Request, Status};

pub use super::proto::list_service_client::ListServiceClient;
pub use super::proto::risk_service_client::RiskServiceClient;

/// A connection to a server, without delay for small messages. Clones share it.
///
/// # Errors
/// When the server cannot be reached.
pub async fn connect(address: SocketAddr) -> Result<Channel, Error> {
    Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true).connect().await
}

/// How many bytes a message has on the wire.
pub fn encoded_bytes(message: &impl prost::Message) -> usize {
    message.encoded_len()
}
