//! One segment, read from its front: a header, then record after record.

use std::io::Result;

use super::disk::DiskFile;
use super::format::{FRAME_BYTES, Frame, HEADER_BYTES_MAX, Header, HeaderProblem, Payload};
use crate::engine::journal::Position;
use crate::model::packed::FeatureNames;

/// A segment that is being read.
#[derive(Debug)]
pub(super) struct Segment {
    file: Box<dyn DiskFile>,
    length: u64,
    buffer: Vec<u8>,
    /// Where in the file the buffer begins.
    buffer_at: u64,
    /// Where in the file the next record begins.
    offset: u64,
}

/// What stands at the next place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// An entry.
    Entry { position: Position, payload: &'a [u8], offset: u64 },
    /// A mark: everything up to there was on the disk.
    Mark(Position),
    /// The names of features.
    Names(FeatureNames),
    /// Nothing was written.
    End,
    /// No record.
    Bad,
}

/// What follows after a place where no record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    /// Up to where something was written.
    pub written: u64,
    /// The next whole entry: where it begins, and its place.
    pub resumes: Option<(u64, Position)>,
    /// The last whole entry.
    pub last: Option<Position>,
    /// The greatest position that a mark among it says was on the disk.
    pub synced: Option<Position>,
}

/// How much is read at once.
const READ_BYTES: usize = 1_024 * 1_024;
/// How much is looked at at once for something that was written; much less, so that a look at the next
/// byte finds it read.
const LOOK_BYTES: usize = 4 * 1_024;

// === impl Segment ===

impl Segment {
    /// A segment, and what it says of itself.
    pub(super) fn open(
        file: Box<dyn DiskFile>,
    ) -> Result<(Self, std::result::Result<Header, HeaderProblem>)> {
        let length = file.len()?;
        let mut segment = Self { file, length, buffer: Vec::new(), buffer_at: 0, offset: 0 };
        let front = usize::try_from(length).unwrap_or(usize::MAX).min(HEADER_BYTES_MAX);
        let header = Header::decode(segment.at(0, front)?);
        let header = header.map(|(header, length)| {
            segment.offset = length as u64;
            header
        });
        Ok((segment, header))
    }

    /// Where in the file the next record begins.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes on at that place.
    pub(super) const fn seek(&mut self, offset: u64) {
        self.offset = offset;
    }

    /// What stands at the next place. Goes behind it when it is a record.
    pub(super) fn next(&mut self) -> Result<Found<'_>> {
        let offset = self.offset;
        let left = self.length.saturating_sub(offset);
        let Some(frame) = self.frame(offset)? else {
            let rest = self.at(offset, usize::try_from(left).unwrap_or(usize::MAX))?;
            let is_blank = rest.iter().all(|byte| *byte == 0);
            return Ok(if is_blank { Found::End } else { Found::Bad });
        };
        if frame == Frame::NOTHING {
            return Ok(Found::End);
        }
        if !frame.is_plausible(left - FRAME_BYTES as u64) {
            return Ok(Found::Bad);
        }
        let payload_at = offset + FRAME_BYTES as u64;
        self.offset = payload_at + frame.length as u64;
        let payload = Self::fill(
            (&*self.file, self.length, &mut self.buffer, &mut self.buffer_at),
            payload_at,
            frame.length,
        )?;
        if !frame.covers(payload) {
            self.offset = offset;
            return Ok(Found::Bad);
        }
        Ok(match Payload::of(payload) {
            Some(Payload::Entry(payload)) => {
                Found::Entry { position: frame.position, payload, offset }
            }
            Some(Payload::Mark(synced)) => Found::Mark(synced),
            Some(Payload::Names(names)) => Found::Names(names),
            None => {
                self.offset = offset;
                Found::Bad
            }
        })
    }

    /// What follows after the next place, where no record is.
    pub(super) fn rest(&mut self, expected: Position) -> Result<Rest> {
        let from = self.offset;
        let mut rest = Rest { written: from, resumes: None, last: None, synced: None };
        let mut at = from;
        while at < self.length {
            let window = self.at(at, LOOK_BYTES)?;
            if window.is_empty() {
                break;
            }
            let Some(blank) = window.iter().position(|byte| *byte != 0) else {
                at += window.len() as u64;
                continue;
            };
            // A length may end in zeros and does not begin with more than three: go back to those.
            at = from.max((at + blank as u64).saturating_sub(3)).max(at);
            match self.record_at(at, expected)? {
                Some((position, payload, end)) => {
                    match payload {
                        Payload::Entry(_) => {
                            rest.resumes = rest.resumes.or(Some((at, position)));
                            rest.last = rest.last.max(Some(position));
                        }
                        Payload::Mark(synced) => rest.synced = rest.synced.max(Some(synced)),
                        Payload::Names(_) => {}
                    }
                    at = end;
                    rest.written = end;
                }
                None => {
                    if self.at(at, 1)?.first().is_some_and(|byte| *byte != 0) {
                        rest.written = at + 1;
                    }
                    at += 1;
                }
            }
        }
        Ok(rest)
    }

    /// A whole record that begins there, of a position not before `expected`: its position, what it
    /// holds, and where it ends.
    fn record_at(
        &mut self,
        at: u64,
        expected: Position,
    ) -> Result<Option<(Position, Payload<'_>, u64)>> {
        let left = self.length.saturating_sub(at);
        let Some(frame) = self.frame(at)? else { return Ok(None) };
        let ahead = frame.position.0.wrapping_sub(expected.0.saturating_sub(1));
        if !frame.is_plausible(left - FRAME_BYTES as u64) || ahead > self.length {
            return Ok(None);
        }
        let payload = self.at(at + FRAME_BYTES as u64, frame.length)?;
        if !frame.covers(payload) {
            return Ok(None);
        }
        let end = at + (FRAME_BYTES + frame.length) as u64;
        Ok(Payload::of(payload).map(|payload| (frame.position, payload, end)))
    }

    fn frame(&mut self, at: u64) -> Result<Option<Frame>> {
        Ok(self.at(at, FRAME_BYTES)?.first_chunk().copied().map(Frame::read))
    }

    /// So many bytes from there on, fewer at the end of the file.
    fn at(&mut self, at: u64, length: usize) -> Result<&[u8]> {
        let place = (&*self.file, self.length, &mut self.buffer, &mut self.buffer_at);
        Self::fill(place, at, length)
    }

    fn fill<'b>(
        (file, file_length, buffer, buffer_at): (&dyn DiskFile, u64, &'b mut Vec<u8>, &mut u64),
        at: u64,
        length: usize,
    ) -> Result<&'b [u8]> {
        let left = file_length.saturating_sub(at);
        let length = length.min(usize::try_from(left).unwrap_or(usize::MAX));
        let start = usize::try_from(at.wrapping_sub(*buffer_at)).unwrap_or(usize::MAX);
        let is_there = start.checked_add(length).is_some_and(|end| end <= buffer.len());
        if is_there {
            return Ok(buffer.get(start..start + length).unwrap_or_default());
        }
        buffer.resize(length.max(READ_BYTES), 0);
        *buffer_at = at;
        let mut read = 0;
        while let Some(room) = buffer.get_mut(read..).filter(|room| !room.is_empty()) {
            match file.read_at(room, at + read as u64) {
                Ok(0) => break,
                Ok(bytes) => read += bytes,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    buffer.clear();
                    return Err(error);
                }
            }
        }
        buffer.truncate(read);
        Ok(buffer.get(..length.min(read)).unwrap_or_default())
    }
}
