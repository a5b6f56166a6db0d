//! Calendar periods: a day, a week or a month is as long as the zone makes it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan as _, Zoned};

use crate::model::limit::Period;
use crate::model::time::Timestamp;

/// From when to when something counts: start included, end not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The first instant.
    pub start: Timestamp,
    /// The first instant after it.
    pub end: Timestamp,
}

/// The calendar period that the instant lies in; `None` for a sliding window.
///
/// A period starts at 00:00 in the zone, or at the first instant of its day where the clocks skip
/// midnight.
pub fn bounds(period: Period, at: Timestamp, zone: &TimeZone) -> Option<Bounds> {
    let date = at.to_jiff().to_zoned(zone.clone()).date();
    let (first, next) = match period {
        Period::Over(_) => return None,
        Period::Day => (date, date.tomorrow().ok()),
        Period::Week => {
            let since_monday = date.weekday().to_monday_zero_offset();
            let monday = date.checked_sub(i64::from(since_monday).days()).unwrap_or(date);
            (monday, monday.checked_add(1.week()).ok())
        }
        Period::Month => {
            let first = date.first_of_month();
            (first, first.checked_add(1.month()).ok())
        }
    };
    let start = start_of(first, zone).unwrap_or(Timestamp::MIN);
    let end = next.and_then(|next| start_of(next, zone)).unwrap_or(Timestamp::MAX);
    Some(Bounds { start, end })
}

fn start_of(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    let start: Zoned = date.to_zoned(zone.clone()).ok()?.start_of_day().ok()?;
    Some(Timestamp::from_micros(start.timestamp().as_microsecond()))
}

// === impl Bounds ===

impl Bounds {
    /// Whether the instant lies in them.
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}
