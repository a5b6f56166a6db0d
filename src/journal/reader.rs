//! Entries from a position on, checked, and told exactly when they are not whole.
//!
//! A segment ends where the next one begins, whatever stands behind: what is written after a failure to
//! reach the disk goes to a new segment, and what may be left of it in the old one counts no more.

use std::collections::VecDeque;
use std::sync::Arc;

use super::damage::{Corruption, Damage, Loss, Torn};
use super::disk::Disk;
use super::format::{HeaderProblem, file_name, first_of};
use super::segment::{Found, Rest, Segment};
use crate::engine::journal::{Entry, Position};
use crate::model::codec::{Codec as _, Context, FieldCodes, Input};
use crate::model::time::Timestamp;

/// Reads entries in the order of their positions.
#[derive(Debug)]
pub struct Reader {
    disk: Arc<dyn Disk>,
    /// The segments that were not begun, by the position of their first record.
    waiting: VecDeque<Position>,
    current: Option<Current>,
    /// The position that comes next.
    next: Position,
    /// The last position that is of interest.
    until: Position,
    /// Where reading began: entries before it are passed over.
    from: Position,
    /// Up to where everything was on the disk, as far as was read.
    synced: Position,
    /// The latest time among what was read, and what the segments say of earlier ones.
    latest_at: Timestamp,
    journal: Option<u64>,
    accepts_loss: bool,
    losses: Vec<Loss>,
    context: Context,
    is_over: bool,
}

#[derive(Debug)]
struct Current {
    name: String,
    segment: Segment,
    /// Where the next segment begins.
    end: Option<Position>,
}

/// What is to be read.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// The first position.
    pub from: Position,
    /// The last one.
    pub until: Position,
    /// Whether what is damaged is passed over, and noted, instead of ending it.
    pub accepts_loss: bool,
}

/// What came of looking at one place.
enum Step {
    Entry(Position, Entry),
    Passed,
    SegmentOver,
    Over,
}

// === impl Range ===

impl Range {
    /// Everything that is there.
    pub const ALL: Self =
        Self { from: Position::START, until: Position(u64::MAX), accepts_loss: false };
}

// === impl Reader ===

impl Reader {
    /// Begins to read. A first position of 0 is the first that is there.
    ///
    /// # Errors
    /// When the directory cannot be read, or the journal begins later.
    pub fn open(disk: Arc<dyn Disk>, range: Range) -> Result<Self, Damage> {
        let Range { from, until, accepts_loss } = range;
        let mut waiting: VecDeque<Position> = segments(&*disk)?.into();
        let begins = waiting.front().copied().unwrap_or(Position::START.next());
        let from = if from == Position::START { begins } else { from };
        if from < begins && !accepts_loss {
            return Err(Damage::Gone { asked: from, begins });
        }
        while waiting.get(1).is_some_and(|second| *second <= from) {
            let _earlier = waiting.pop_front();
        }
        let next = waiting.front().copied().unwrap_or(from);
        Ok(Self {
            disk,
            waiting,
            current: None,
            next,
            until,
            from,
            synced: Position::START,
            latest_at: Timestamp::MIN,
            journal: None,
            accepts_loss,
            losses: Vec::new(),
            context: Context::own(),
            is_over: false,
        })
    }

    /// What was passed over so far.
    pub fn losses(&self) -> &[Loss] {
        &self.losses
    }

    /// The position after the last that was read.
    pub const fn next_position(&self) -> Position {
        self.next
    }

    /// The last position that was ever given out, as far as is known.
    pub(super) fn last_position(&self) -> Position {
        self.synced.max(Position(self.next.0.saturating_sub(1)))
    }

    /// The latest time among what was read, and before.
    pub(super) const fn latest_at(&self) -> Timestamp {
        self.latest_at
    }

    /// Which journal it is; `None` when nothing was read of it.
    pub(super) const fn journal(&self) -> Option<u64> {
        self.journal
    }

    /// Where in the current segment the next record begins.
    pub(super) fn offset(&self) -> u64 {
        self.current.as_ref().map_or(0, |current| current.segment.offset())
    }

    fn step(&mut self) -> Result<Step, Damage> {
        if self.next > self.until {
            return Ok(Step::Over);
        }
        let Some(current) = &mut self.current else { return self.begin() };
        if current.end == Some(self.next) {
            return Ok(Step::SegmentOver);
        }
        let name = &current.name;
        let found = current.segment.next().map_err(|error| unreadable(name, error))?;
        let (position, payload, offset) = match found {
            Found::Mark(synced) => {
                self.synced = self.synced.max(synced);
                return Ok(Step::Passed);
            }
            Found::Names(names) => {
                self.context.add_features(Arc::new(names));
                return Ok(Step::Passed);
            }
            Found::Entry { position, payload, offset } if position == self.next => {
                (position, payload, offset)
            }
            Found::Entry { offset, .. } => {
                current.segment.seek(offset);
                return self.damaged();
            }
            Found::End | Found::Bad => return self.damaged(),
        };
        self.next = position.next();
        if position < self.from {
            return Ok(Step::Passed);
        }
        let mut input = Input::new(payload, &mut self.context);
        let entry = Entry::decode(&mut input).and_then(|entry| input.end().map(|()| entry));
        let entry = match entry {
            Ok(entry) => entry,
            Err(why) if self.accepts_loss => {
                let (segment, bytes) = (name.clone(), payload.len() as u64);
                self.losses.push(Loss::Undecodable { segment, offset, bytes, position, why });
                return Ok(Step::Passed);
            }
            Err(why) => {
                let segment = name.clone();
                return Err(Damage::Undecodable { segment, offset, position, why });
            }
        };
        self.latest_at = self.latest_at.max(entry.effective_at());
        Ok(Step::Entry(position, entry))
    }

    /// Begins the next segment.
    fn begin(&mut self) -> Result<Step, Damage> {
        let Some(first) = self.waiting.pop_front() else { return Ok(Step::Over) };
        let name = file_name(first);
        if first != self.next {
            self.missing(&name, first)?;
        }
        let file = self.disk.open(&name).map_err(|error| unreadable(&name, error))?;
        let (segment, header) = Segment::open(file).map_err(|error| unreadable(&name, error))?;
        let end = self.waiting.front().copied();
        self.context.fields = match header {
            Ok(header) if self.journal.is_some_and(|known| known != header.journal) => {
                return Err(Damage::Foreign { segment: name, why: "it belongs to another one" });
            }
            Ok(header) if header.first != first => {
                return Err(Damage::Foreign { segment: name, why: "it was renamed" });
            }
            Ok(header) => {
                self.journal = Some(header.journal);
                self.synced = self.synced.max(header.synced);
                self.latest_at = self.latest_at.max(header.latest_at);
                header.codes
            }
            Err(HeaderProblem::Foreign) => {
                return Err(Damage::Foreign { segment: name, why: "it begins otherwise" });
            }
            Err(HeaderProblem::Newer(what)) => return Err(Damage::Newer { segment: name, what }),
            Err(HeaderProblem::Damaged) => {
                self.current = Some(Current { name, segment, end });
                self.context.fields = FieldCodes::own();
                return self.damaged();
            }
        };
        self.current = Some(Current { name, segment, end });
        Ok(Step::Passed)
    }

    fn missing(&mut self, name: &str, first: Position) -> Result<(), Damage> {
        let (lost_first, lost_last) = (self.next, Position(first.0.saturating_sub(1)));
        if !self.accepts_loss {
            let segment = name.to_owned();
            return Err(Damage::Missing { segment, first: lost_first, last: lost_last });
        }
        self.losses.push(Loss::Missing { first: lost_first, last: lost_last });
        self.next = first;
        Ok(())
    }

    /// Looks at a place where no record of the next position is: an end that was being written, or
    /// damage.
    fn damaged(&mut self) -> Result<Step, Damage> {
        let expected = self.next;
        let Some(Current { name, segment, end }) = &mut self.current else {
            return Ok(Step::Over);
        };
        let offset = segment.offset();
        let rest = segment.rest(expected).map_err(|error| unreadable(name, error))?;
        let Rest { written, resumes, last, synced } = rest;
        self.synced = self.synced.max(synced.unwrap_or_default());
        let bytes = written - offset;
        if end.is_none() && expected > self.synced {
            if bytes > 0 {
                let (segment, last) = (name.clone(), last.unwrap_or(expected));
                let torn = Torn { segment, offset, bytes, first: expected, last };
                self.losses.push(Loss::Torn(torn));
            }
            return Ok(Step::Over);
        }
        let resumes = resumes.filter(|(_, position)| end.is_none_or(|end| *position < end));
        if bytes == 0 && end.is_some() {
            // It ends early: what follows is told with the segment after it.
            return Ok(Step::SegmentOver);
        }
        let bytes = resumes.map_or(bytes, |(resumes, _)| resumes - offset);
        let resumes_at = resumes.map(|(_, position)| position);
        let position = expected;
        let corruption = Corruption { segment: name.clone(), offset, bytes, position, resumes_at };
        if !self.accepts_loss {
            return Err(Damage::Corrupt(corruption));
        }
        self.losses.push(Loss::Corrupt(corruption));
        let Some((at, position)) = resumes else { return Ok(Step::SegmentOver) };
        segment.seek(at);
        self.next = position;
        Ok(Step::Passed)
    }
}

impl Iterator for Reader {
    type Item = Result<(Position, Entry), Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            match self.step() {
                Ok(Step::Entry(position, entry)) => return Some(Ok((position, entry))),
                Ok(Step::Passed) => {}
                Ok(Step::SegmentOver) => self.current = None,
                Ok(Step::Over) => self.is_over = true,
                Err(damage) => {
                    self.is_over = true;
                    return Some(Err(damage));
                }
            }
        }
        None
    }
}

/// The segments of a directory, by the position of their first record, ascending.
pub(super) fn segments(disk: &dyn Disk) -> Result<Vec<Position>, Damage> {
    let names = disk.names().map_err(|error| unreadable("the directory", error))?;
    let mut segments: Vec<Position> = names.iter().filter_map(|name| first_of(name)).collect();
    segments.sort_unstable();
    Ok(segments)
}

pub(super) fn unreadable(segment: &str, error: std::io::Error) -> Damage {
    Damage::Unreadable { segment: segment.to_owned(), error }
}
