//! The HTTP side, on a port of its own:
//!
//! * `GET /metrics` returns what is counted, in the text format of Prometheus
//! * `GET /healthz` returns 200 while the process lives
//! * `GET /readyz` returns 200 while requests are welcome, 503 before and after
//! * `GET /status` returns what is live, since when, what was refused, and how much is held
//!
//! Each answer carries an `x-request-id`: the caller's, or one of ours.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::admission::REQUEST_ID;
use super::clock;
use super::core::Core;
use super::live::{Publisher, Refused};
use super::readiness::Readiness;
use crate::model::time::Timestamp;
use crate::policy::diagnostic::{Diagnostic, Severity};

/// What the HTTP side shows.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    /// What all services share.
    pub core: Arc<Core>,
    /// The live bundle.
    pub publisher: Arc<Publisher>,
    /// Whether requests are welcome.
    pub readiness: Arc<Readiness>,
    /// When the server started.
    pub started_at: Timestamp,
}

/// Serves until `stop`.
///
/// # Errors
/// When the listener fails.
pub(super) async fn serve(
    listener: TcpListener,
    shown: Shown,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let name_requests = middleware::from_fn_with_state(shown.clone(), name_request);
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/status", get(status))
        .layer(name_requests)
        .with_state(shown);
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone before it began");
        }
    });
    axum::serve(listener, router)
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
}

async fn name_request(State(shown): State<Shown>, request: Request, next: Next) -> Response {
    let id = shown.core.admission.request_id(request.headers());
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let (status, request_id) = (response.status().as_u16(), id.to_str().unwrap_or_default());
    tracing::debug!(request_id, path, status, "an http request was answered");
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

async fn metrics(State(shown): State<Shown>) -> Response {
    shown.core.gauge();
    let text = shown.core.metrics.render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn ready(State(shown): State<Shown>) -> (StatusCode, &'static str) {
    if shown.readiness.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

async fn status(State(shown): State<Shown>) -> axum::Json<Json> {
    let status = shown.publisher.status();
    let held = shown.core.engine.held();
    let admission = &shown.core.admission;
    axum::Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": shown.started_at.to_string(),
        "uptime_seconds": clock::now().since(shown.started_at).as_secs(),
        "ready": shown.readiness.is_ready(),
        "draining": shown.readiness.is_draining(),
        "policy": {
            "name": status.name,
            "version": status.version,
            "published_at": status.published_at.to_string(),
            "published": status.published,
            "refused": status.refused,
            "last_refused": status.last_refused.as_ref().map(refused),
        },
        "held": { "entities": held.entities, "payments": held.payments },
        "open": {
            "requests": admission.in_flight(),
            "streams": admission.streams(),
            "connections": admission.connections(),
        },
    }))
}

fn refused(refused: &Refused) -> Json {
    let Refused { at, problem, diagnostics } = refused;
    json!({
        "at": at.to_string(),
        "problem": problem,
        "diagnostics": diagnostics.iter().map(diagnostic).collect::<Vec<_>>(),
    })
}

fn diagnostic(diagnostic: &Diagnostic) -> Json {
    let Diagnostic { severity, name, at, width: _, message, expected, suggestion } = diagnostic;
    json!({
        "severity": match severity { Severity::Error => "error", Severity::Warning => "warning" },
        "name": name,
        "file": &*at.file,
        "line": at.line,
        "column": at.column,
        "message": message,
        "expected": expected,
        "suggestion": suggestion,
    })
}
