//! A bare gRPC echo on the same stack: the yardstick that a score is measured against.
//!
//! It takes a message of any size and answers with one of the size that was asked for. It knows no
//! payment, so what it costs is what the transport costs.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::task::{Context, Poll};

use prost::bytes::Bytes;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::body::Body;
use tonic::client::Grpc as ClientGrpc;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

const PATH: &str = "/vajra.yardstick.Echo/Echo";

/// What is sent, and what comes back.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Load {
    /// Bytes that nobody reads.
    #[prost(bytes = "bytes", tag = "1")]
    pub bytes: Bytes,
    /// How many bytes the answer has.
    #[prost(uint32, tag = "2")]
    pub answer_bytes: u32,
}

/// An echo that runs on a thread of its own until it is dropped.
#[derive(Debug)]
pub struct Echo {
    address: SocketAddr,
    _stop: DropGuard,
}

#[derive(Clone, Copy, Debug)]
struct EchoService;

// === impl Load ===

impl Load {
    /// A request of so many bytes that asks for so many.
    pub fn new(bytes: usize, answer_bytes: u32) -> Self {
        Self { bytes: Bytes::from(vec![0; bytes]), answer_bytes }
    }
}

// === impl Echo ===

impl Echo {
    /// Starts an echo on a free port of the loopback, with the settings of a worker of the server.
    ///
    /// # Errors
    /// When the system gives no port or no thread.
    pub fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let until = stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("echo".into()).spawn(move || {
            runtime.block_on(async move {
                let listener = match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => listener,
                    Err(error) => {
                        tracing::error!(%error, "the echo cannot listen");
                        return;
                    }
                };
                let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                let served = Server::builder()
                    .add_service(EchoService)
                    .serve_with_incoming_shutdown(incoming, until.cancelled_owned())
                    .await;
                if let Err(error) = served {
                    tracing::error!(%error, "the echo ended");
                }
            });
        })?;
        Ok(Self { address, _stop: stop.drop_guard() })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Sends a load and waits for the answer.
///
/// # Errors
/// The status of a failed call.
pub async fn call(channel: Channel, load: Load) -> Result<Load, Status> {
    let mut grpc = ClientGrpc::new(channel);
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = http::uri::PathAndQuery::from_static(PATH);
    let codec = ProstCodec::<Load, Load>::default();
    Ok(grpc.unary(Request::new(load), path, codec).await?.into_inner())
}

// === impl EchoService ===

impl UnaryService<Load> for EchoService {
    type Response = Load;
    type Future = Ready<Result<Response<Load>, Status>>;

    fn call(&mut self, request: Request<Load>) -> Self::Future {
        let size = usize::try_from(request.into_inner().answer_bytes).unwrap_or_default();
        ready(Ok(Response::new(Load::new(size, 0))))
    }
}

impl NamedService for EchoService {
    const NAME: &'static str = "vajra.yardstick.Echo";
}

impl tower::Service<http::Request<Body>> for EchoService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            Ok(Grpc::new(ProstCodec::<Load, Load>::default()).unary(Self, request).await)
        })
    }
}
