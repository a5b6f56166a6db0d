//! One thread that accepts connections and decides: its own runtime, its own listener on the shared
//! port, nothing handed to another thread.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::Admission;
use super::front::Front;

/// How many connections wait for a worker to accept them.
const BACKLOG: i32 = 1_024;
/// How often a quiet connection is asked whether it is still there, and how long it may take to answer.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// The greatest size of the headers of a request.
const HEADER_BYTES_MAX: u32 = 16 * 1_024;
/// How long accepting pauses when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often it is looked whether all is answered, and how often in a row it must be.
const IDLE_LOOK: Duration = Duration::from_millis(20);
const IDLE_LOOKS: u32 = 5;

/// Binds a listener per worker on one address; port 0 is a free one, the same for all.
///
/// # Errors
/// When the address cannot be had, also when another process listens there.
pub(super) fn bind(address: SocketAddr, workers: usize) -> std::io::Result<Vec<StdListener>> {
    // Sockets that share a port do not notice a stranger that shares it as well. One that does not
    // share notices.
    drop(listen(address, false)?);
    let first = listen(address, true)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..workers.max(1) {
        listeners.push(listen(address, true)?);
    }
    Ok(listeners)
}

fn listen(address: SocketAddr, shares_port: bool) -> std::io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shares_port)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Serves until `stop`, then answers what was accepted, for at most `drain_max`.
pub(super) async fn serve(
    listener: TcpListener,
    front: Front,
    admission: Arc<Admission>,
    stop: CancellationToken,
    drain_max: Duration,
) {
    let connections = TaskTracker::new();
    let open = |stream: TcpStream| {
        // One too many is closed at once; its caller goes elsewhere.
        let Some(permit) = admission.connection() else { return };
        let (front, stop) = (front.clone(), stop.clone());
        let per_connection = admission.limits().requests_per_connection_max;
        connections.spawn(async move {
            connection(stream, front, per_connection, stop).await;
            drop(permit);
        });
    };
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => open(stream),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    // Whoever is already connected is told to go elsewhere, not cut off.
    if let Ok(listener) = listener.into_std() {
        while let Ok((stream, _)) = listener.accept() {
            if stream.set_nonblocking(true).is_ok()
                && let Ok(stream) = TcpStream::from_std(stream)
            {
                open(stream);
            }
        }
    }
    connections.close();
    tokio::select! {
        () = connections.wait() => {}
        () = all_answered(&admission) => {}
        () = tokio::time::sleep(drain_max) => {
            let (in_flight, streams) = (admission.in_flight(), admission.streams());
            tracing::warn!(in_flight, streams, "ended with requests unanswered");
        }
    }
}

async fn connection(stream: TcpStream, front: Front, per_connection: u32, stop: CancellationToken) {
    // Small answers must not wait for the peer to acknowledge the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone before it began");
        return;
    }
    let serving = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(per_connection)
        .max_header_list_size(HEADER_BYTES_MAX)
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .serve_connection(TokioIo::new(stream), front);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}

/// What does not count as a request, such as somebody who watches the health, holds nobody up. A few
/// looks in a row leave the last answers time to be written.
async fn all_answered(admission: &Admission) {
    let mut quiet = 0;
    while quiet < IDLE_LOOKS {
        tokio::time::sleep(IDLE_LOOK).await;
        let is_quiet = admission.in_flight() == 0 && admission.streams() == 0;
        quiet = if is_quiet { quiet + 1 } else { 0 };
    }
}
