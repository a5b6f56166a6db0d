//! The rows of all files in the order of a replay: by time; at an equal time recorded events before
//! payments; then by file and row.
//!
//! A file that is in order of time, as files mostly are, is read while it is replayed. Only one that is
//! not is read whole and sorted.

use super::map::DatasetMap;
use super::problem::{BacktestError, BadRow};
use super::row::Row;
use super::source::{DataFile, Rows};
use crate::model::currency::Currency;

/// A row and the place of its file among the files.
pub type Placed = (usize, Result<Row, BadRow>);

/// The rows of several files as one.
pub struct Merged<'f> {
    streams: Vec<Stream<'f>>,
}

/// The rows of one file in order of time.
struct Stream<'f> {
    map: &'f DatasetMap,
    rows: Box<dyn Iterator<Item = Result<Result<Row, BadRow>, BacktestError>> + Send + 'f>,
    /// The row that comes next; `None` before the first and after the last.
    next: Option<Result<Row, BadRow>>,
}

// === impl Merged ===

impl<'f> Merged<'f> {
    /// Merges files, of which `is_ordered` says whether they are in order of time.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn new(
        files: impl IntoIterator<Item = (&'f DataFile, bool)>,
        base: Currency,
    ) -> Result<Self, BacktestError> {
        let mut streams = Vec::new();
        for (file, is_ordered) in files {
            let rows = file.rows(base)?;
            let mut stream = Stream {
                map: file.map(),
                rows: if is_ordered { Box::new(rows) } else { Box::new(sorted(rows)?) },
                next: None,
            };
            stream.step()?;
            streams.push(stream);
        }
        Ok(Self { streams })
    }

    /// Whether there are no more rows.
    pub(super) fn is_over(&self) -> bool {
        self.first().is_none()
    }

    /// The file whose row comes next. A row that cannot be read has no time: it comes at once.
    fn first(&self) -> Option<usize> {
        let heads = self.streams.iter().enumerate();
        let order = |(place, stream): (usize, &Stream<'f>)| {
            let order = match stream.next.as_ref()? {
                Err(_) => None,
                Ok(row) => Some((row.at, stream.map.is_of_payments())),
            };
            Some((order, place))
        };
        heads.filter_map(order).min().map(|(_, place)| place)
    }
}

impl Iterator for Merged<'_> {
    type Item = Result<Placed, BacktestError>;

    fn next(&mut self) -> Option<Self::Item> {
        let place = self.first()?;
        let stream = self.streams.get_mut(place)?;
        let row = stream.next.take()?;
        match stream.step() {
            Ok(()) => Some(Ok((place, row))),
            Err(error) => Some(Err(error)),
        }
    }
}

impl std::fmt::Debug for Merged<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Merged").field("files", &self.streams.len()).finish_non_exhaustive()
    }
}

// === impl Stream ===

impl Stream<'_> {
    fn step(&mut self) -> Result<(), BacktestError> {
        self.next = self.rows.next().transpose()?;
        Ok(())
    }
}

/// All rows of a file by time, those of the same time in their own order.
fn sorted(
    rows: Rows<'_>,
) -> Result<impl Iterator<Item = Result<Result<Row, BadRow>, BacktestError>> + use<>, BacktestError>
{
    let mut good = Vec::new();
    let mut bad = Vec::new();
    for row in rows {
        match row? {
            Ok(row) => good.push(row),
            Err(row) => bad.push(row),
        }
    }
    good.sort_by_key(|row: &Row| row.at);
    let bad = bad.into_iter().map(|row| Ok(Err(row)));
    Ok(bad.chain(good.into_iter().map(|row| Ok(Ok(row)))))
}
