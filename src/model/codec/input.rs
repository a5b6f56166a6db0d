//! Bytes that are being read, and what it takes to read them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::field::Field;
use crate::model::packed::FeatureNames;
use crate::model::value::Text;

/// Bytes that are being read from their front.
#[derive(Debug)]
pub struct Input<'a> {
    bytes: &'a [u8],
    context: &'a mut Context,
}

/// What bytes refer to and do not say themselves.
#[derive(Debug)]
pub struct Context {
    /// What the codes of packed fields mean.
    pub fields: FieldCodes,
    features: BTreeMap<u64, Arc<FeatureNames>>,
    names: Names,
}

/// What the codes of packed fields meant to the build that wrote them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldCodes {
    /// By code.
    fields: Vec<Field>,
    /// Whether they mean the same to this build.
    is_own: bool,
}

/// Names that were read of late: the same few of rules, codes and messages stand in every entry, and
/// share their memory.
struct Names {
    slots: Vec<Option<Arc<str>>>,
    hasher: ahash::RandomState,
}

/// Why bytes cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// They end too early.
    #[error("the bytes end within a value")]
    Short,
    /// Some are left.
    #[error("{0} bytes are left over")]
    Long(usize),
    /// A number that this version does not know.
    #[error("`{type_name}` has the number {number}, which only a later version knows")]
    Newer {
        /// The type.
        type_name: &'static str,
        /// The number.
        number: u8,
    },
    /// A field is not there.
    #[error("`{type_name}` is without `{field}`")]
    Absent {
        /// The type.
        type_name: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A value that the type cannot hold.
    #[error("a value is no {0}")]
    Not(&'static str),
}

/// How many names are remembered; a power of two.
const NAMES: usize = 1_024;

// === impl Input ===

impl<'a> Input<'a> {
    /// These bytes, which refer to that.
    pub const fn new(bytes: &'a [u8], context: &'a mut Context) -> Self {
        Self { bytes, context }
    }

    /// The next byte.
    ///
    /// # Errors
    /// At the end.
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.bytes.split_first().ok_or(Malformed::Short)?;
        self.bytes = rest;
        Ok(first)
    }

    /// The next bytes, so many as fit an array.
    ///
    /// # Errors
    /// At the end.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.bytes.split_first_chunk().ok_or(Malformed::Short)?;
        self.bytes = rest;
        Ok(*array)
    }

    /// An unsigned integer.
    ///
    /// # Errors
    /// At the end, and when it has more than 64 bits.
    pub fn unsigned(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let low = u64::from(byte & 0x7f);
            if low << shift >> shift != low {
                break;
            }
            number |= low << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed::Not("integer of 64 bits"))
    }

    /// A number of things that follow, each of at least one byte.
    ///
    /// # Errors
    /// When fewer bytes follow.
    pub fn count(&mut self) -> Result<usize, Malformed> {
        let count = usize::try_from(self.unsigned()?).map_err(|_too_many| Malformed::Short)?;
        if count <= self.bytes.len() { Ok(count) } else { Err(Malformed::Short) }
    }

    /// Bytes after their length.
    ///
    /// # Errors
    /// At the end.
    pub fn slice(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.count()?;
        let (slice, rest) = self.bytes.split_at_checked(length).ok_or(Malformed::Short)?;
        self.bytes = rest;
        Ok(slice)
    }

    /// Text after its length.
    ///
    /// # Errors
    /// At the end, and when it is not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.slice()?).map_err(|_not_utf8| Malformed::Not("text"))
    }

    /// A text that stands in many entries.
    ///
    /// # Errors
    /// At the end, and when it is not UTF-8.
    pub fn name(&mut self) -> Result<Arc<str>, Malformed> {
        let text = self.text()?;
        Ok(self.context.names.shared(text))
    }

    /// What is left.
    pub const fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Makes names known that stand among the bytes themselves.
    pub fn learn(&mut self, names: Arc<FeatureNames>) {
        self.context.add_features(names);
    }

    /// What they refer to.
    pub const fn context(&self) -> &Context {
        self.context
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// When something is.
    pub const fn end(&self) -> Result<(), Malformed> {
        match self.bytes.len() {
            0 => Ok(()),
            left => Err(Malformed::Long(left)),
        }
    }
}

// === impl Context ===

impl Context {
    /// Of this build, without the names of any features.
    pub fn own() -> Self {
        let fields = FieldCodes::own();
        Self { fields, features: BTreeMap::new(), names: Names::default() }
    }

    /// Makes names known by their id.
    pub fn add_features(&mut self, names: Arc<FeatureNames>) {
        self.features.insert(names.id(), names);
    }

    /// The names of that id.
    pub fn features(&self, id: u64) -> Option<&Arc<FeatureNames>> {
        self.features.get(&id)
    }
}

// === impl FieldCodes ===

impl FieldCodes {
    /// Those of this build.
    pub fn own() -> Self {
        Self { fields: Field::ALL.to_vec(), is_own: true }
    }

    /// Those of the build that had these paths, in the order of its codes.
    ///
    /// # Errors
    /// The path that this build does not know.
    pub fn of_paths<'p>(paths: impl IntoIterator<Item = &'p str>) -> Result<Self, Text> {
        let fields: Vec<Field> = paths
            .into_iter()
            .map(|path| Field::from_path(path).ok_or_else(|| Text::from(path)))
            .collect::<Result<_, _>>()?;
        let is_own = fields == Field::ALL;
        Ok(Self { fields, is_own })
    }

    /// Whether they mean what those of this build mean.
    pub const fn is_own(&self) -> bool {
        self.is_own
    }

    /// What a code means.
    pub fn get(&self, code: u8) -> Option<Field> {
        self.fields.get(usize::from(code)).copied()
    }
}

// === impl Names ===

impl Names {
    fn shared(&mut self, text: &str) -> Arc<str> {
        let hash = usize::try_from(self.hasher.hash_one(text) & u64::from(u32::MAX));
        let place = hash.unwrap_or_default() % NAMES;
        match self.slots.get_mut(place) {
            Some(Some(known)) if known.as_ref() == text => Arc::clone(known),
            Some(slot) => Arc::clone(slot.insert(Arc::from(text))),
            None => Arc::from(text),
        }
    }
}

impl Default for Names {
    fn default() -> Self {
        // The hashes choose a place and are not kept: any seed will do.
        Self { slots: vec![None; NAMES], hasher: ahash::RandomState::with_seeds(1, 2, 3, 4) }
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Names(..)")
    }
}
