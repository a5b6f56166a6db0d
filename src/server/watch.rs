//! Watches the directory of the bundle. Any notice of any change there is a reason to look; what is
//! found is compared by content, so that it does not matter how it changed: in place, by an editor that
//! renames, by the symlink that Kubernetes swaps. Where there are no notices, a slow poll looks anyway.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::live::Publisher;

/// How long the directory must be quiet before it is looked at, and how long a busy one may be put off.
const QUIET: Duration = Duration::from_millis(100);
const QUIET_ROUNDS_MAX: u32 = 20;

/// Reloads the bundle whenever its directory changes, until `stop`.
pub(super) async fn run(publisher: Arc<Publisher>, poll: Duration, stop: CancellationToken) {
    let Some(directory) = publisher.directory().cloned() else { return };
    let changed = Arc::new(Notify::new());
    // Kept until the end: dropping it ends the notices.
    let _watcher = watch(&directory, &changed);
    // What changed between the first reading and the watch has no notice.
    changed.notify_one();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = changed.notified() => settle(&changed).await,
            () = tokio::time::sleep(poll) => {}
        }
        let publisher = Arc::clone(&publisher);
        if let Err(error) = tokio::task::spawn_blocking(move || publisher.reload()).await {
            tracing::error!(%error, "a reload failed, the old bundle goes on");
        }
    }
}

fn watch(directory: &Path, changed: &Arc<Notify>) -> Option<RecommendedWatcher> {
    let notice = Arc::clone(changed);
    let made = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading is a change to no one, and our own reading would never end.
        if !event.is_ok_and(|event| event.kind.is_access()) {
            notice.notify_one();
        }
    })
    .and_then(|mut watcher| {
        watcher.watch(directory, RecursiveMode::Recursive)?;
        Ok(watcher)
    });
    match made {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(%error, "the bundle is polled, as its directory cannot be watched");
            None
        }
    }
}

/// Waits until whoever writes has paused.
async fn settle(changed: &Notify) {
    for _ in 0..QUIET_ROUNDS_MAX {
        if tokio::time::timeout(QUIET, changed.notified()).await.is_err() {
            return;
        }
    }
}
