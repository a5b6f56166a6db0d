//! The gRPC services and the HTTP side.
//!
//! Each worker is a thread with its own runtime and its own listener on the shared port: a request is
//! read, decided and answered where it came in. A further thread has what must not be in their way:
//! the HTTP side, the watch over the bundle, upkeep. Everything is checked before a port is bound, so
//! that a server that listens can decide.
//!
//! In reading order: what comes off the wire ([`wire`], [`proto`], [`convert`]), why there is no answer
//! ([`refusal`]), how much is taken on ([`admission`], [`front`], [`worker`]), the services ([`risk`],
//! [`stream`], [`lists`], [`fallback`]), what outlives the process ([`durable`]), the bundle ([`live`], [`watch`]), and the rest.

pub mod admission;
pub mod client;
pub mod clock;
mod control;
mod convert;
mod core;
pub mod durable;
pub mod echo;
mod fallback;
mod front;
mod http;
mod key;
mod lists;
pub mod live;
pub mod proto;
mod readiness;
mod refusal;
mod risk;
mod services;
mod stream;
mod watch;
mod wire;
mod worker;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use self::core::Core;
use crate::config::Config;
use crate::engine::{Engine, Settings};
use crate::model::intake::Intake;
use crate::telemetry::metrics::Metrics;
use admission::Admission;
use control::Control;
use durable::Durable;
use front::Front;
use live::{LoadError, Publisher, Source};
use readiness::Readiness;

/// What reflection tells about.
const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// A server that runs. Dropped without [`Server::stop`], it ends by itself, and nobody waits for it.
#[derive(Debug)]
pub struct Server {
    grpc_addr: SocketAddr,
    http_addr: SocketAddr,
    core: Arc<Core>,
    drain: CancellationToken,
    control: Option<JoinHandle<()>>,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The bundle cannot go live.
    #[error(transparent)]
    Bundle(#[from] LoadError),
    /// There is no key to hash with.
    #[error(transparent)]
    Key(#[from] key::KeyError),
    /// What outlives the process cannot be gone on with.
    #[error(transparent)]
    Durable(#[from] durable::DurableError),
    /// An address cannot be had.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The system gives no more threads or descriptors.
    #[error("the system has no room for a server: {0}")]
    System(#[from] std::io::Error),
    /// Metrics cannot be counted.
    #[error("metrics cannot be registered: {0}")]
    Metrics(String),
    /// Reflection has nothing to tell.
    #[error("the descriptors of the API cannot be read: {0}")]
    Reflection(String),
}

// === impl Server ===

impl Server {
    /// Starts a server and returns once it listens.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub fn start(config: &Config, source: Source) -> Result<Self, StartError> {
        let hash_key = key::load(config.data.as_deref())?;
        let files = source.read()?;
        let set = live::check(&files, &hash_key)?;
        let memory = config.memory;
        let settings = Settings {
            payment_kept: memory.payment_kept,
            late_max: memory.late_max,
            entities_max: memory.entities_max,
            retry: config.retry,
        };
        let id = key::process_id()?;
        let admission = Admission::new(config.limits, id);
        let Durable { engine, journal } = durable::open(config, settings, set, &hash_key, id)?;
        let core = Arc::new(Core {
            engine: Arc::new(engine),
            journal,
            intake: Intake::new(hash_key.clone(), memory.skew_max),
            metrics: Metrics::new().map_err(|error| StartError::Metrics(error.to_string()))?,
            admission,
            skew_max: memory.skew_max,
            stop: CancellationToken::new(),
        });
        let publisher = Arc::new(Publisher::new(source, Arc::clone(&core), hash_key, files));
        let (reporter, health) = tonic_health::server::health_reporter();
        let readiness = Arc::new(Readiness::new(reporter));
        let others = others(config, health)?;

        let grpc = worker::bind(config.listen, config.workers)
            .map_err(|error| StartError::Listen { address: config.listen, error })?;
        let http = TcpListener::bind(config.http)
            .map_err(|error| StartError::Listen { address: config.http, error })?;
        let grpc_addr = grpc.first().map_or(Ok(config.listen), TcpListener::local_addr)?;
        let http_addr = http.local_addr()?;

        let mut workers = Vec::new();
        for (number, listener) in grpc.into_iter().enumerate() {
            let risk = risk::Risk::new(Arc::clone(&core));
            let lists = lists::Lists::new(Arc::clone(&core));
            let admission = Arc::clone(&core.admission);
            let front = Front::new(risk, lists, others.clone(), admission);
            workers.push(start_worker(number, listener, front, &core, config)?);
        }
        let drain = CancellationToken::new();
        let control = Control {
            core: Arc::clone(&core),
            publisher,
            readiness,
            drain: drain.clone(),
            drain_config: config.drain,
            poll: config.policies_poll,
        };
        let control = control::start(control, http, workers)?;
        tracing::info!(grpc = %grpc_addr, http = %http_addr, "serving");
        Ok(Self { grpc_addr, http_addr, core, drain, control: Some(control) })
    }

    /// Where gRPC is served.
    pub const fn grpc_addr(&self) -> SocketAddr {
        self.grpc_addr
    }

    /// Where HTTP is served.
    pub const fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// The state machine behind the services.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.core.engine
    }

    /// Begins to end: says that it is not ready, goes on for the configured delay, stops accepting,
    /// answers what was accepted. Returns at once.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Whether it has ended.
    pub fn is_finished(&self) -> bool {
        self.control.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends as [`Server::drain`] does, and waits for it.
    pub fn stop(mut self) {
        self.drain();
        if let Some(control) = self.control.take()
            && control.join().is_err()
        {
            tracing::error!("the control thread ended badly");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.drain();
    }
}

/// Health and reflection.
fn others(
    config: &Config,
    health: tonic_health::pb::health_server::HealthServer<
        impl tonic_health::pb::health_server::Health,
    >,
) -> Result<tonic::service::Routes, StartError> {
    let mut routes = tonic::service::Routes::new(health);
    if config.reflection {
        let refused =
            |error: tonic_reflection::server::Error| StartError::Reflection(error.to_string());
        let builder = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        routes = routes
            .add_service(builder().build_v1().map_err(refused)?)
            .add_service(builder().build_v1alpha().map_err(refused)?);
    }
    Ok(routes.prepare())
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

fn start_worker(
    number: usize,
    listener: TcpListener,
    front: Front,
    core: &Arc<Core>,
    config: &Config,
) -> Result<JoinHandle<()>, StartError> {
    let runtime = runtime()?;
    let listener = {
        let _entered = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    let (admission, stop) = (Arc::clone(&core.admission), core.stop.clone());
    let drain_max = config.drain.max;
    let thread = std::thread::Builder::new().name(format!("vajra-worker-{number}"));
    Ok(thread.spawn(move || {
        runtime.block_on(worker::serve(listener, front, admission, stop, drain_max));
        // What is still open, such as somebody who watches the health, is cut off.
        runtime.shutdown_background();
    })?)
}
