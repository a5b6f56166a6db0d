//! When channels are out.

use crate::model::time::{Span, Timestamp};

/// The channels, in the order of the bundle; each takes about a third of the payments.
pub(in crate::simulation) const CHANNELS: [&str; 3] = ["north", "south", "west"];

/// The time in which payments begin.
#[derive(Clone, Copy, Debug)]
pub(in crate::simulation) struct Hours {
    pub(in crate::simulation) start: Timestamp,
    pub(in crate::simulation) length: Span,
}

/// When one channel is out, in thousandths of the whole time, and what share of its requests fails then.
struct Outage {
    channel: usize,
    from: i64,
    to: i64,
    share: f64,
}

/// A channel that is down, one that fails half of the time, one that is down while another staggers,
/// and short ones that come back.
const OUTAGES: [Outage; 6] = [
    Outage { channel: 0, from: 190, to: 220, share: 0.95 },
    Outage { channel: 1, from: 420, to: 460, share: 0.5 },
    Outage { channel: 2, from: 620, to: 634, share: 0.95 },
    Outage { channel: 0, from: 625, to: 640, share: 0.3 },
    Outage { channel: 1, from: 750, to: 753, share: 1.0 },
    Outage { channel: 1, from: 757, to: 760, share: 1.0 },
];

/// From one payment to the next, in microseconds: about two in three seconds, however many there are.
const BETWEEN_PAYMENTS: i64 = 1_728_000;

// === impl Hours ===

impl Hours {
    /// So long that payments follow each other as closely whatever their number.
    pub(in crate::simulation) fn of(start: Timestamp, payments: u64) -> Self {
        let payments = i64::try_from(payments).unwrap_or(i64::MAX);
        Self { start, length: Span::from_micros(payments.saturating_mul(BETWEEN_PAYMENTS)) }
    }

    /// What share of a channel's requests fails at that time.
    pub(in crate::simulation) fn out(self, channel: usize, now: Timestamp) -> f64 {
        let passed = now.since(self.start).as_micros();
        let place = passed.saturating_mul(1_000).checked_div(self.length.as_micros()).unwrap_or(0);
        let of_now = OUTAGES.iter().filter(|outage| {
            outage.channel == channel && (outage.from..outage.to).contains(&place)
        });
        of_now.map(|outage| outage.share).fold(0.0, f64::max)
    }
}
