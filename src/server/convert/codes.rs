//! From the tables of failures to the wire.

use std::collections::BTreeMap;

use super::wire_time;
use crate::failure::code::{Certainty, CodeKey};
use crate::failure::tables::Tables;
use crate::failure::unmapped::Met;
use crate::server::proto::{CodeCount, ListFailureCodesResponse, UnmappedCode};

/// How many codes of each provider the tables have, and what was met and stands in none.
pub(in crate::server) fn codes(
    tables: &Tables,
    met: &[Met],
    left_out: u64,
) -> ListFailureCodesResponse {
    let unmapped = met.iter().map(|met| wire_met(tables, met)).collect();
    ListFailureCodesResponse { counts: code_counts(tables), unmapped, left_out }
}

/// How many codes of each provider the tables have, by certainty, in order of provider.
pub fn code_counts(tables: &Tables) -> Vec<CodeCount> {
    let mut counts: BTreeMap<String, CodeCount> = BTreeMap::new();
    for (key, code) in tables.codes() {
        let provider = key.provider.to_string();
        let count = counts
            .entry(provider.clone())
            .or_insert_with(|| CodeCount { provider, ..CodeCount::default() });
        match code.certainty {
            Certainty::Read => count.read += 1,
            Certainty::Secondary => count.secondary += 1,
            Certainty::Guess => count.guess += 1,
        }
    }
    counts.into_values().collect()
}

fn wire_met(tables: &Tables, met: &Met) -> UnmappedCode {
    let Met { key, count, first_at, last_at } = met;
    let guessed = tables.code(key).map(|code| code.cause.to_string());
    let CodeKey { provider, operation, network, code } = key;
    UnmappedCode {
        provider: provider.to_string(),
        operation: operation.to_string(),
        network: network.to_string(),
        code: code.to_string(),
        count: *count,
        first_at: Some(wire_time(*first_at)),
        last_at: Some(wire_time(*last_at)),
        guessed_cause: guessed.unwrap_or_default(),
    }
}
