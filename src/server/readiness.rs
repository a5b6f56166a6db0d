//! Whether requests are welcome, said over HTTP and over the health service of gRPC alike.

use std::sync::atomic::{AtomicU8, Ordering};

use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// The names under which health is asked for: the whole server and each service.
const NAMES: [&str; 3] = ["", "vajra.v1.RiskService", "vajra.v1.ListService"];

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

/// Whether requests are welcome.
#[derive(Debug)]
pub(super) struct Readiness {
    state: AtomicU8,
    health: HealthReporter,
}

// === impl Readiness ===

impl Readiness {
    /// Not yet.
    pub(super) const fn new(health: HealthReporter) -> Self {
        Self { state: AtomicU8::new(STARTING), health }
    }

    /// From now on.
    pub(super) async fn welcome(&self) {
        self.state.store(READY, Ordering::Release);
        self.tell(ServingStatus::Serving).await;
    }

    /// Not any more.
    pub(super) async fn drain(&self) {
        self.state.store(DRAINING, Ordering::Release);
        self.tell(ServingStatus::NotServing).await;
    }

    /// Whether they are.
    pub(super) fn is_ready(&self) -> bool {
        self.state.load(Ordering::Acquire) == READY
    }

    /// Whether they are not any more.
    pub(super) fn is_draining(&self) -> bool {
        self.state.load(Ordering::Acquire) == DRAINING
    }

    async fn tell(&self, status: ServingStatus) {
        for name in NAMES {
            self.health.set_service_status(name, status).await;
        }
    }
}
