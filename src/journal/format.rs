//! The bytes of a segment: a header, then records, then zeros up to the size that was set aside.
//!
//! Numbers are little-endian.
//!
//! | header | bytes | |
//! |---|---|---|
//! | magic | 8 | `VAJRALOG` |
//! | version | 4 | of this format: 1 |
//! | length | 4 | of the rest of the header, without its checksum |
//! | journal | 8 | the same in all segments of one journal |
//! | first | 8 | the position of the first record |
//! | synced | 8 | every position up to it was on the disk when the segment was begun |
//! | latest | 8 | the latest time among the entries before this segment, in microseconds |
//! | codes | | the paths of the fields in the order of their codes: their number, then each after its length |
//! | checksum | 4 | CRC-32 of all before it |
//!
//! | record | bytes | |
//! |---|---|---|
//! | length | 4 | of the payload; zero where the records end |
//! | checksum | 4 | CRC-32 of the payload, mixed with position and length |
//! | position | 8 | one more than that of the entry before it |
//! | payload | | an [`Entry`](crate::engine::journal::Entry) by its [`Codec`], or a mark |
//!
//! Two payloads are no entries, begin with a byte that no entry begins with, and have the position of the
//! entry before or after them:
//!
//! * a mark, 0 and a position: every position up to it was on the disk when the mark was written. It tells
//!   a reader what may be missing after an accident: what came after the last mark may never have reached
//!   the disk, what came before it has;
//! * names, 255 and the names of features: decisions after it refer to them by a hash. Every segment has
//!   those that its entries refer to.
//!
//! The payload of an entry changes by the rules of [`crate::model::codec`] and needs no new version here.

use crate::engine::journal::Position;
use crate::model::codec::{Codec, Context, FieldCodes, Input, Malformed};
use crate::model::field::Field;
use crate::model::packed::FeatureNames;
use crate::model::time::Timestamp;

/// Begins every segment.
pub(super) const MAGIC: &[u8; 8] = b"VAJRALOG";
/// The version of the format of segments.
pub(super) const VERSION: u32 = 1;
/// The greatest payload of a record: a bundle with its lists is the greatest there is.
pub(super) const PAYLOAD_BYTES_MAX: usize = 128 * 1_024 * 1_024;
/// What stands before the payload of a record.
pub(super) const FRAME_BYTES: usize = 16;
/// The greatest header: a few times what the fields of this build take.
pub(super) const HEADER_BYTES_MAX: usize = 64 * 1_024;
/// What stands before the variable part of a header.
pub(super) const HEADER_START_BYTES: usize = 16;

const MARK: u8 = 0;
const NAMES: u8 = u8::MAX;
const SUFFIX: &str = ".log";
const POSITION_DIGITS: usize = 20;

/// What a segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Which journal it belongs to.
    pub journal: u64,
    /// The position of its first record.
    pub first: Position,
    /// Every position up to it was on the disk when the segment was begun.
    pub synced: Position,
    /// The latest time among the entries before it.
    pub latest_at: Timestamp,
    /// What the codes of packed fields mean in it.
    pub codes: FieldCodes,
}

/// Why bytes are no header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HeaderProblem {
    /// They are of something else.
    Foreign,
    /// A later version wrote them.
    Newer(String),
    /// They are damaged or cut off.
    Damaged,
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The length of the payload; zero where the records end.
    pub length: usize,
    /// The place of the record.
    pub position: Position,
    checksum: u32,
}

/// What a record holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Payload<'a> {
    /// The bytes of an entry.
    Entry(&'a [u8]),
    /// Everything up to there was on the disk.
    Mark(Position),
    /// The names of features.
    Names(FeatureNames),
}

// === impl Header ===

impl Header {
    /// The header of a segment that this build begins.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut rest = Vec::new();
        rest.extend_from_slice(&self.journal.to_le_bytes());
        rest.extend_from_slice(&self.first.0.to_le_bytes());
        rest.extend_from_slice(&self.synced.0.to_le_bytes());
        rest.extend_from_slice(&self.latest_at.as_micros().to_le_bytes());
        Field::ALL.len().encode(&mut rest);
        for field in Field::ALL {
            field.path().to_owned().encode(&mut rest);
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(rest.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&rest);
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// The header at the front of a segment, and its length in bytes.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Self, usize), HeaderProblem> {
        let (magic, rest) = bytes.split_first_chunk::<8>().ok_or(HeaderProblem::Damaged)?;
        if magic != MAGIC {
            // Set aside, and the front of it never reached the disk.
            let is_blank = magic == &[0; 8];
            return Err(if is_blank { HeaderProblem::Damaged } else { HeaderProblem::Foreign });
        }
        let (version, rest) = rest.split_first_chunk().ok_or(HeaderProblem::Damaged)?;
        let version = u32::from_le_bytes(*version);
        if version > VERSION {
            let known = format!("has the version {version} of the format, {VERSION} is known here");
            return Err(HeaderProblem::Newer(known));
        }
        let (length, rest) = rest.split_first_chunk().ok_or(HeaderProblem::Damaged)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (fields, rest) = rest.split_at_checked(length).ok_or(HeaderProblem::Damaged)?;
        let (checksum, _) = rest.split_first_chunk().ok_or(HeaderProblem::Damaged)?;
        let whole = HEADER_START_BYTES + length;
        let checked = bytes.get(..whole).map(crc32fast::hash);
        if checked != Some(u32::from_le_bytes(*checksum)) {
            return Err(HeaderProblem::Damaged);
        }
        Ok((Self::decode_fields(fields)?, whole + checksum.len()))
    }

    fn decode_fields(fields: &[u8]) -> Result<Self, HeaderProblem> {
        let mut context = Context::own();
        let mut input = Input::new(fields, &mut context);
        let mut number = || input.array().map(u64::from_le_bytes);
        let read = (|| Ok::<_, Malformed>([number()?, number()?, number()?, number()?]))();
        let Ok([journal, first, synced, latest_at]) = read else {
            return Err(HeaderProblem::Damaged);
        };
        let Ok(paths) = Vec::<String>::decode(&mut input) else {
            return Err(HeaderProblem::Damaged);
        };
        let codes = FieldCodes::of_paths(paths.iter().map(String::as_str)).map_err(|path| {
            HeaderProblem::Newer(format!("has the field `{path}`, which is not known here"))
        })?;
        Ok(Self {
            journal,
            first: Position(first),
            synced: Position(synced),
            latest_at: Timestamp::from_micros(latest_at.cast_signed()),
            codes,
        })
    }
}

// === impl Frame ===

impl Frame {
    /// Where nothing was written.
    pub(super) const NOTHING: Self = Self { length: 0, position: Position::START, checksum: 0 };

    /// Appends a record.
    pub(super) fn write(out: &mut Vec<u8>, position: Position, payload: &[u8], payload_crc: u32) {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&mixed(payload_crc, position, length).to_le_bytes());
        out.extend_from_slice(&position.0.to_le_bytes());
        out.extend_from_slice(payload);
    }

    /// What stands before a payload.
    pub(super) fn read(bytes: [u8; FRAME_BYTES]) -> Self {
        let [l0, l1, l2, l3, c0, c1, c2, c3, position @ ..] = bytes;
        Self {
            length: usize::try_from(u32::from_le_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX),
            position: Position(u64::from_le_bytes(position)),
            checksum: u32::from_le_bytes([c0, c1, c2, c3]),
        }
    }

    /// Whether it can stand before a payload of at most that many bytes.
    pub(super) const fn is_plausible(&self, bytes_max: u64) -> bool {
        self.length > 0 && self.length <= PAYLOAD_BYTES_MAX && self.length as u64 <= bytes_max
    }

    /// Whether that is its payload.
    pub(super) fn covers(&self, payload: &[u8]) -> bool {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        payload.len() == self.length
            && mixed(crc32fast::hash(payload), self.position, length) == self.checksum
    }
}

/// A checksum that is wrong as well when the payload stands at another place or has another length.
fn mixed(crc: u32, position: Position, length: u32) -> u32 {
    let [a, b, c, d, e, f, g, h] = position.0.to_le_bytes();
    let (low, high) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
    crc ^ low.wrapping_mul(0x9e37_79b1) ^ high.rotate_left(16) ^ length.rotate_left(8)
}

/// Appends a mark: every position up to `synced` is on the disk.
pub(super) fn write_mark(out: &mut Vec<u8>, position: Position, synced: Position) {
    let mut payload = vec![MARK];
    synced.0.encode(&mut payload);
    Frame::write(out, position, &payload, crc32fast::hash(&payload));
}

/// Appends names that decisions refer to.
pub(super) fn write_names(out: &mut Vec<u8>, position: Position, names: &FeatureNames) {
    let mut payload = vec![NAMES];
    names.encode(&mut payload);
    Frame::write(out, position, &payload, crc32fast::hash(&payload));
}

// === impl Payload ===

impl<'a> Payload<'a> {
    /// What kind of payload it is; `None` when it says that it is one and is not.
    pub(super) fn of(payload: &'a [u8]) -> Option<Self> {
        fn read<T: Codec>(bytes: &[u8]) -> Option<T> {
            T::decode(&mut Input::new(bytes, &mut Context::own())).ok()
        }
        match payload.split_first()? {
            (&MARK, rest) => read(rest).map(Position).map(Self::Mark),
            (&NAMES, rest) => read(rest).map(Self::Names),
            _ => Some(Self::Entry(payload)),
        }
    }
}

/// The name of the file of the segment whose first record is there; names sort as positions do.
pub(super) fn file_name(first: Position) -> String {
    format!("{:0POSITION_DIGITS$}{SUFFIX}", first.0)
}

/// The position of the first record of a segment, by the name of its file.
pub fn first_of(name: &str) -> Option<Position> {
    let digits = name.strip_suffix(SUFFIX)?;
    let is_number = digits.len() == POSITION_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().ok().map(Position)).flatten()
}
