//! The policies of a simulation: the shipped ones, the channels of the made-up provider, and a limit
//! that never fires, in which the ledger can be found again.

use std::sync::Arc;

use super::{CHANNELS, SimulationError};
use crate::model::card_number::HashKey;
use crate::policy::bundle::Files;
use crate::policy::check::check_with;
use crate::policy::set::PolicySet;

/// The name of the limit in which the ledger is found again.
pub(super) const LEDGER: &str = "simulation ledger";

/// Checks them, as a server would.
pub(super) fn set() -> Result<Arc<PolicySet>, SimulationError> {
    let mut files = Files::shipped();
    let bundle = files.0.entry("bundle.toml".to_owned()).or_default();
    for channel in CHANNELS {
        bundle.extend_from_slice(format!("\n[[channel]]\nid = \"{channel}\"\n").as_bytes());
    }
    let ledger = format!(
        "limit \"{LEDGER}\" = sum(payment.amount_base) by card per \"month\" \
         max 1_000_000_000_00 returns refunded then review(\"LIMIT_MERCHANT_DAY\");"
    );
    files.0.insert("simulation.rhai".to_owned(), ledger.into_bytes());
    let checked = check_with(&files, &HashKey::new([0; 32]));
    checked.set.ok_or_else(|| {
        let problems: Vec<_> =
            checked.diagnostics.iter().map(|problem| problem.message.clone()).collect();
        SimulationError::Invalid(problems.join("; "))
    })
}
