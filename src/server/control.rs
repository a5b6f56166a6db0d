//! The thread beside the workers: the HTTP side, the watch over the bundle, upkeep, and the order in
//! which a server ends.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::core::Core;
use super::live::Publisher;
use super::readiness::Readiness;
use super::{StartError, clock, http, runtime, watch};
use crate::config::Drain;

/// How often metrics are folded and idle state is forgotten.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);
/// How long an HTTP request may hold up the end.
const HTTP_GRACE: Duration = Duration::from_millis(500);
/// How often it is looked whether the workers have ended.
const WORKERS_LOOK: Duration = Duration::from_millis(10);

/// What the thread takes care of.
#[derive(Debug)]
pub(super) struct Control {
    /// What all services share.
    pub core: Arc<Core>,
    /// The live bundle.
    pub publisher: Arc<Publisher>,
    /// Whether requests are welcome.
    pub readiness: Arc<Readiness>,
    /// Set when the server shall end.
    pub drain: CancellationToken,
    /// How it ends.
    pub drain_config: Drain,
    /// How often the bundle is looked at without a notice.
    pub poll: Duration,
}

/// Starts the thread. It ends after the workers, which it ends.
pub(super) fn start(
    control: Control,
    http: TcpListener,
    workers: Vec<JoinHandle<()>>,
) -> Result<JoinHandle<()>, StartError> {
    let runtime = runtime()?;
    http.set_nonblocking(true)?;
    let http = {
        let _entered = runtime.enter();
        tokio::net::TcpListener::from_std(http)?
    };
    // Who starts a server finds it ready.
    let (ready, is_ready) = std::sync::mpsc::sync_channel(1);
    let thread = std::thread::Builder::new().name("vajra-control".to_owned());
    let thread = thread.spawn(move || {
        runtime.block_on(async {
            control.readiness.welcome().await;
            let _nobody_waits = ready.send(());
            run(control, http, workers).await;
        });
        runtime.shutdown_background();
    })?;
    let _ended_early = is_ready.recv();
    Ok(thread)
}

async fn run(control: Control, http: tokio::net::TcpListener, workers: Vec<JoinHandle<()>>) {
    let Control { core, publisher, readiness, drain, drain_config, poll } = control;
    let shown = http::Shown {
        core: Arc::clone(&core),
        publisher: Arc::clone(&publisher),
        readiness: Arc::clone(&readiness),
        started_at: clock::now(),
    };
    let tasks = TaskTracker::new();
    // Ends the helpers of this thread, after the workers.
    let end = CancellationToken::new();
    let http_end = end.clone();
    tasks.spawn(async move {
        if let Err(error) = http::serve(http, shown, http_end).await {
            tracing::error!(%error, "the http side failed");
        }
    });
    tasks.spawn(watch::run(publisher, poll, end.clone()));
    tasks.spawn(upkeep(Arc::clone(&core), end.clone()));

    drain.cancelled().await;
    tracing::info!("draining");
    readiness.drain().await;
    // Whoever routes requests here needs a moment to see it.
    tokio::time::sleep(drain_config.delay).await;
    core.stop.cancel();
    while !workers.iter().all(JoinHandle::is_finished) {
        tokio::time::sleep(WORKERS_LOOK).await;
    }
    end.cancel();
    tasks.close();
    if tokio::time::timeout(HTTP_GRACE, tasks.wait()).await.is_err() {
        tracing::debug!("an http request was cut off");
    }
    tracing::info!(decided = core.metrics.decided_total(), "ended");
}

async fn upkeep(core: Arc<Core>, end: CancellationToken) {
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            () = tokio::time::sleep(UPKEEP_EVERY) => {}
        }
        let core = Arc::clone(&core);
        let swept = tokio::task::spawn_blocking(move || {
            core.metrics.run_upkeep();
            core.engine.sweep(clock::now())
        });
        if let Err(error) = swept.await {
            tracing::error!(%error, "upkeep failed");
        }
    }
}
