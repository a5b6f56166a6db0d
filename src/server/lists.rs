//! `ListService`: values put on lists and taken off them while the server runs.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::admission::Arrival;
use super::convert::{timestamp, wire_time};
use super::core::Core;
use super::refusal::{Refusal, violation};
use super::services::list_service_server::ListService;
use super::{clock, proto};
use crate::engine::lists::{ListEntry, ListError};
use crate::list::{ChangeKind, ListChange};
use crate::model::intake::{Intake, Violation};
use crate::model::time::Timestamp;
use crate::model::value::Text;

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1_000;

/// The service.
#[derive(Clone, Debug)]
pub(super) struct Lists {
    core: Arc<Core>,
}

/// A value of a list, by name, as a request says it.
struct Place {
    list: Text,
    value: Text,
    violations: Vec<Violation>,
}

// === impl Lists ===

impl Lists {
    /// The service over what all share.
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    fn add(
        &self,
        request: proto::AddListEntryRequest,
    ) -> Result<proto::AddListEntryResponse, Refusal> {
        let proto::AddListEntryRequest { list, value, expires_at, reason } = request;
        let now = clock::now();
        let mut place = self.place(&list, &value);
        let expires_at = match expires_at.map(timestamp) {
            None => None,
            Some(Some(at)) if at > now => Some(at),
            Some(Some(_)) => {
                place.violations.push(violation("expires_at", "must lie in the future"));
                None
            }
            Some(None) => {
                place.violations.push(violation("expires_at", "is not an instant"));
                None
            }
        };
        let reason = Intake::word("reason", &reason).unwrap_or_else(|violation| {
            place.violations.push(violation);
            None
        });
        let kind = ChangeKind::Add { expires_at, reason };
        let sequence = self.change(place, kind, now)?;
        Ok(proto::AddListEntryResponse { sequence })
    }

    fn remove(
        &self,
        request: proto::RemoveListEntryRequest,
    ) -> Result<proto::RemoveListEntryResponse, Refusal> {
        let proto::RemoveListEntryRequest { list, value } = request;
        let place = self.place(&list, &value);
        let sequence = self.change(place, ChangeKind::Remove { reason: None }, clock::now())?;
        Ok(proto::RemoveListEntryResponse { sequence })
    }

    fn page(
        &self,
        request: proto::ListListEntriesRequest,
    ) -> Result<proto::ListListEntriesResponse, Refusal> {
        let proto::ListListEntriesRequest { list, page_size, page_token } = request;
        if list.is_empty() {
            return Err(Refusal::field("list", "is required"));
        }
        let size = match usize::try_from(page_size).unwrap_or(PAGE_MAX) {
            0 => PAGE_DEFAULT,
            asked => asked.min(PAGE_MAX),
        };
        let entries = self
            .core
            .engine
            .list_entries(&list, clock::now())
            .map_err(|error| self.refused(error))?;
        // The token is the last value of the page before: pages stay right while the list changes.
        let from = entries.partition_point(|entry| {
            !page_token.is_empty() && entry.value.as_str() <= page_token.as_str()
        });
        let rest = entries.get(from..).unwrap_or_default();
        let page = rest.get(..size.min(rest.len())).unwrap_or_default();
        let next_page_token = match page.last() {
            Some(last) if page.len() < rest.len() => last.value.to_string(),
            Some(_) | None => String::new(),
        };
        let entries = page.iter().map(wire_entry).collect();
        Ok(proto::ListListEntriesResponse { entries, next_page_token })
    }

    fn place(&self, list: &str, value: &str) -> Place {
        let mut violations = Vec::new();
        if list.is_empty() {
            violations.push(violation("list", "is required"));
        }
        let value = match self.core.intake.list_value("value", value) {
            Ok(admitted) => {
                self.core.metrics.card_numbers_hashed.increment(admitted.hashed.into());
                admitted.value
            }
            Err(violation) => {
                violations.push(violation);
                Text::default()
            }
        };
        Place { list: Text::from(list), value, violations }
    }

    /// Makes a change; says where it stands in the order of application.
    fn change(&self, place: Place, kind: ChangeKind, now: Timestamp) -> Result<u64, Refusal> {
        let Place { list, value, violations } = place;
        if !violations.is_empty() {
            return Err(Refusal::Invalid(violations));
        }
        let change = ListChange { list, value, kind };
        let sequence =
            self.core.engine.change_list(&change, now).map_err(|error| self.refused(error))?;
        self.core.metrics.list_changes.increment(1);
        Ok(sequence)
    }

    fn refused(&self, error: ListError) -> Refusal {
        let retry_after = self.core.admission.limits().retry_after;
        match error {
            ListError::UnknownList { .. } => {
                Refusal::NotFound { reason: "LIST_UNKNOWN", problem: error.to_string() }
            }
            ListError::Full => {
                Refusal::Overloaded { what: "too many values were changed", retry_after }
            }
            ListError::Journal(cause) => {
                Refusal::NotRecorded { cause: cause.to_string(), retry_after }
            }
        }
    }

    async fn unary<T, R>(
        &self,
        request: Request<T>,
        work: impl FnOnce(&Self, T) -> Result<R, Refusal>,
    ) -> Result<Response<R>, Status> {
        let (_, extensions, message) = request.into_parts();
        let Some(arrival) = extensions.get::<Arrival>() else {
            return Err(Status::internal("a request came in at no door"));
        };
        let answered = self.core.answer(arrival, || {
            self.core.check_room(arrival)?;
            work(self, message)
        })?;
        let _either = self.core.settle(arrival).await?;
        Ok(Response::new(answered))
    }
}

#[tonic::async_trait]
impl ListService for Lists {
    async fn add_list_entry(
        &self,
        request: Request<proto::AddListEntryRequest>,
    ) -> Result<Response<proto::AddListEntryResponse>, Status> {
        self.unary(request, Self::add).await
    }

    async fn remove_list_entry(
        &self,
        request: Request<proto::RemoveListEntryRequest>,
    ) -> Result<Response<proto::RemoveListEntryResponse>, Status> {
        self.unary(request, Self::remove).await
    }

    async fn list_list_entries(
        &self,
        request: Request<proto::ListListEntriesRequest>,
    ) -> Result<Response<proto::ListListEntriesResponse>, Status> {
        self.unary(request, Self::page).await
    }
}

fn wire_entry(entry: &ListEntry) -> proto::ListEntry {
    let ListEntry { value, expires_at, reason, is_from_file: _ } = entry;
    proto::ListEntry {
        value: value.to_string(),
        expires_at: expires_at.map(wire_time),
        reason: reason.as_ref().map(Text::to_string).unwrap_or_default(),
    }
}
