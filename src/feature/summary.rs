//! What a set of events adds up to. Parts of a summary can be merged, so that a window over many events
//! is a merge of a few summaries; nothing is ever subtracted, so that a huge float leaves no trace.

use std::cmp::Ordering;

use crate::feature::event::{Event, Kind, Scalar, float};
use crate::feature::wide::Wide;
use crate::model::codec::record;
use crate::model::time::Timestamp;

/// What several events add up to.
pub(super) trait Part: Clone + Default {
    /// Takes one more event.
    fn add(&mut self, event: &Event);
    /// Takes all events of another.
    fn merge(&mut self, other: &Self);
    /// The part of a whole summary.
    fn of(summary: &Summary) -> &Self;
}

/// How many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) all: u64,
    /// How many of all are unknown.
    pub(super) unknown: u64,
}

/// How many, and when.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    count: Count,
    first: Timestamp,
    first_unknown: Timestamp,
    last: Timestamp,
    last_unknown: Timestamp,
}

/// The sums behind `sum`, `avg` and `stddev`.
#[derive(Clone, Debug, Default)]
pub(super) struct Moments {
    /// Values that are no numbers, or not known.
    odd: u64,
    ints: u64,
    int_sum: i128,
    int_squares: Wide,
    floats: Floats,
}

/// The least and the greatest.
#[derive(Clone, Debug, Default)]
pub(super) struct Extremes {
    /// Values that cannot be compared with the others, or are not known.
    odd: u64,
    pub(super) least: Option<Scalar>,
    pub(super) greatest: Option<Scalar>,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub(super) struct Summary {
    tally: Tally,
    moments: Moments,
    extremes: Extremes,
}

/// Sums of floats: the sum with its lost low bits, and the squared deviations from the mean.
#[derive(Clone, Debug, Default)]
struct Floats {
    count: u64,
    sum: f64,
    lost: f64,
    mean: f64,
    deviations: f64,
}

/// A sum, as far as it is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Total {
    Int(i128),
    Float(f64),
}

// === impl Count ===

impl Part for Count {
    fn add(&mut self, event: &Event) {
        self.all += 1;
        self.unknown += u64::from(event.is_unknown());
    }

    fn merge(&mut self, other: &Self) {
        self.all += other.all;
        self.unknown += other.unknown;
    }

    fn of(summary: &Summary) -> &Self {
        &summary.tally.count
    }
}

// === impl Tally ===

impl Tally {
    /// The earliest event, unless one that is not known is earlier; `Err` then.
    pub(super) fn first(&self) -> Result<Option<Timestamp>, ()> {
        match self.first.cmp(&self.first_unknown) {
            Ordering::Greater => Err(()),
            Ordering::Less | Ordering::Equal => {
                Ok((self.count.all > self.count.unknown).then_some(self.first))
            }
        }
    }

    /// The latest event, unless one that is not known is later; `Err` then.
    pub(super) fn last(&self) -> Result<Option<Timestamp>, ()> {
        match self.last.cmp(&self.last_unknown) {
            Ordering::Less => Err(()),
            Ordering::Greater | Ordering::Equal => {
                Ok((self.count.all > self.count.unknown).then_some(self.last))
            }
        }
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            count: Count::default(),
            first: Timestamp::MAX,
            first_unknown: Timestamp::MAX,
            last: Timestamp::MIN,
            last_unknown: Timestamp::MIN,
        }
    }
}

impl Part for Tally {
    fn add(&mut self, event: &Event) {
        self.count.add(event);
        if event.is_unknown() {
            self.first_unknown = self.first_unknown.min(event.at);
            self.last_unknown = self.last_unknown.max(event.at);
        } else {
            self.first = self.first.min(event.at);
            self.last = self.last.max(event.at);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count.merge(&other.count);
        self.first = self.first.min(other.first);
        self.first_unknown = self.first_unknown.min(other.first_unknown);
        self.last = self.last.max(other.last);
        self.last_unknown = self.last_unknown.max(other.last_unknown);
    }

    fn of(summary: &Summary) -> &Self {
        &summary.tally
    }
}

// === impl Moments ===

impl Moments {
    /// The sum; `None` when a value is no number or not known.
    pub(super) fn sum(&self) -> Option<Total> {
        match (self.odd, self.floats.count) {
            (0, 0) => Some(Total::Int(self.int_sum)),
            (0, _) => Some(Total::Float(wide_float(self.int_sum) + self.floats.total())),
            _ => None,
        }
    }

    /// How many numbers there are.
    pub(super) const fn count(&self) -> u64 {
        self.ints + self.floats.count
    }

    /// The sample variance of at least two numbers.
    pub(super) fn variance(&self) -> f64 {
        let count = count_float(self.count());
        if self.floats.count == 0 {
            // n Σx² − (Σx)² is exact, so that equal values vary by nothing and no digit is lost.
            let squared_sum =
                Wide::product(self.int_sum.unsigned_abs(), self.int_sum.unsigned_abs());
            let spread = self.int_squares.times(self.ints).minus(squared_sum);
            return spread.to_float() / (count * (count - 1.0));
        }
        let mut all = self.ints_as_floats();
        all.merge(&self.floats);
        all.deviations / (count - 1.0)
    }

    fn ints_as_floats(&self) -> Floats {
        if self.ints == 0 {
            return Floats::default();
        }
        let count = count_float(self.ints);
        let squared_sum = Wide::product(self.int_sum.unsigned_abs(), self.int_sum.unsigned_abs());
        let spread = self.int_squares.times(self.ints).minus(squared_sum);
        let sum = wide_float(self.int_sum);
        Floats {
            count: self.ints,
            sum,
            lost: 0.0,
            mean: sum / count,
            deviations: spread.to_float() / count,
        }
    }
}

impl Part for Moments {
    fn add(&mut self, event: &Event) {
        match event.scalar() {
            Some(Scalar::Int(number)) => {
                self.ints += 1;
                self.int_sum += i128::from(number);
                self.int_squares = self.int_squares.plus_square(number);
            }
            Some(Scalar::Float(number)) => self.floats.add(number),
            Some(Scalar::Time(_)) | None => self.odd += 1,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.odd += other.odd;
        self.ints += other.ints;
        self.int_sum += other.int_sum;
        self.int_squares = self.int_squares.plus(other.int_squares);
        if other.floats.count > 0 {
            self.floats.merge(&other.floats);
        }
    }

    fn of(summary: &Summary) -> &Self {
        &summary.moments
    }
}

// === impl Extremes ===

impl Extremes {
    /// Whether all values are known and can be compared with each other.
    pub(super) const fn is_ordered(&self) -> bool {
        self.odd == 0
    }

    fn take(&mut self, scalar: Scalar) {
        match self.least.map(|least| scalar.compare(least)) {
            None | Some(Some(Ordering::Less)) => self.least = Some(scalar),
            Some(None) => self.odd += 1,
            Some(Some(Ordering::Equal | Ordering::Greater)) => {}
        }
        if self.greatest.is_none_or(|greatest| scalar.compare(greatest) == Some(Ordering::Greater))
        {
            self.greatest = Some(scalar);
        }
    }
}

impl Part for Extremes {
    fn add(&mut self, event: &Event) {
        match event.scalar() {
            Some(scalar) => self.take(scalar),
            None => self.odd += 1,
        }
    }

    fn merge(&mut self, other: &Self) {
        self.odd += other.odd;
        for scalar in [other.least, other.greatest].into_iter().flatten() {
            self.take(scalar);
        }
    }

    fn of(summary: &Summary) -> &Self {
        &summary.extremes
    }
}

// === impl Summary ===

impl Part for Summary {
    fn add(&mut self, event: &Event) {
        self.tally.add(event);
        if event.kind != Kind::Plain {
            self.moments.add(event);
            self.extremes.add(event);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.tally.merge(&other.tally);
        self.moments.merge(&other.moments);
        self.extremes.merge(&other.extremes);
    }

    fn of(summary: &Summary) -> &Self {
        summary
    }
}

// === impl Floats ===

impl Floats {
    fn total(&self) -> f64 {
        self.sum + self.lost
    }

    /// Adds to the sum and keeps what rounding loses of it.
    fn raise(&mut self, number: f64) {
        let sum = self.sum + number;
        self.lost += if self.sum.abs() >= number.abs() {
            (self.sum - sum) + number
        } else {
            (number - sum) + self.sum
        };
        self.sum = sum;
    }

    fn add(&mut self, number: f64) {
        self.count += 1;
        self.raise(number);
        let step = number - self.mean;
        self.mean += step / count_float(self.count);
        self.deviations += step * (number - self.mean);
    }

    fn merge(&mut self, other: &Self) {
        let (ours, theirs) = (count_float(self.count), count_float(other.count));
        let step = other.mean - self.mean;
        self.count += other.count;
        self.raise(other.sum);
        self.lost += other.lost;
        let all = ours + theirs;
        if all > 0.0 {
            self.mean += step * (theirs / all);
            self.deviations += other.deviations + step * step * (ours * theirs / all);
        }
    }
}

/// A count as a float; exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "no window has 2^53 events")]
pub(super) const fn count_float(count: u64) -> f64 {
    count as f64
}

/// An exact sum as the nearest float.
#[expect(
    clippy::cast_precision_loss,
    reason = "rounding to the nearest float is what is asked for"
)]
pub(super) const fn wide_float(number: i128) -> f64 {
    number as f64
}

/// An exact sum with the nearest float of an integer.
pub(super) fn total_float(total: Total) -> f64 {
    match total {
        Total::Int(sum) => i64::try_from(sum).map_or_else(|_| wide_float(sum), float),
        Total::Float(sum) => sum,
    }
}

record!(Count { 1 all, 2 unknown });
record!(Tally { 1 count, 2 first, 3 first_unknown, 4 last, 5 last_unknown });
record!(Moments { 1 odd, 2 ints, 3 int_sum, 4 int_squares, 5 floats });
record!(Extremes { 1 odd, 2 least, 3 greatest });
record!(Summary { 1 tally, 2 moments, 3 extremes });
record!(Floats { 1 count, 2 sum, 3 lost, 4 mean, 5 deviations });
