//! The pace of the commands that send: when the next request is due.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::server::clock::instant;

/// Due times that the sender has not taken yet; beyond, the pace waits and the due times stay as they are.
const WAITING_MAX: usize = 16_384;

/// Gives the due time of each of `total` requests when it has come, from a thread of its own: the
/// timers of a runtime are too coarse for it.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn start(rate: u32, total: u64) -> std::io::Result<mpsc::Receiver<Instant>> {
    let (due, taken) = mpsc::channel(WAITING_MAX);
    let between = Duration::from_secs(1).checked_div(rate).unwrap_or_default();
    std::thread::Builder::new().name("pace".into()).spawn(move || {
        let mut next = instant();
        for _ in 0..total {
            wait_until(next);
            if due.blocking_send(next).is_err() {
                return;
            }
            next += between;
        }
    })?;
    Ok(taken)
}

#[expect(clippy::disallowed_methods, reason = "keeping a pace is waiting")]
fn wait_until(due: Instant) {
    let left = due.saturating_duration_since(instant());
    if !left.is_zero() {
        std::thread::sleep(left);
    }
}
