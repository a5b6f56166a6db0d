//! Columns of a file become columns of values: read and checked once for each different value.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};

use crate::backtest::cell::{Cell, CellProblem};
use crate::backtest::source::Cells;
use crate::model::columns::Column;
use crate::model::value::{Text, Value};

/// What is known of each row while its columns are read.
#[derive(Debug)]
pub(super) struct Rows {
    /// Whether something in it is not plainly good.
    is_odd: Vec<bool>,
    /// Card numbers in it that are hashes now.
    hashed: Vec<u32>,
    /// A hash over all that it says but its time.
    content: Vec<u64>,
    state: ahash::RandomState,
}

/// A value that was read and checked.
#[derive(Clone, Copy, Debug)]
struct Known {
    code: u32,
    hash: u64,
    hashed: u32,
    is_odd: bool,
}

/// How a column is read.
pub(super) struct Read<R, C> {
    /// What its cells mean.
    pub(super) read: R,
    /// What the edge makes of a value: how many card numbers are hashes now.
    pub(super) check: C,
    /// Whether many rows may share a value.
    pub(super) is_shared: bool,
}

// === impl Rows ===

impl Rows {
    pub(super) fn new(rows: usize) -> Self {
        Self {
            is_odd: vec![false; rows],
            hashed: vec![0; rows],
            content: vec![0; rows],
            state: content_state(),
        }
    }

    /// Something in the row is not plainly good.
    pub(super) fn mark_odd(&mut self, row: usize) {
        if let Some(is_odd) = self.is_odd.get_mut(row) {
            *is_odd = true;
        }
    }

    /// The content of a row that is plainly good, and how many card numbers in it are hashes now.
    pub(super) fn plain(&self, row: usize) -> Option<(u64, u32)> {
        let is_odd = *self.is_odd.get(row)?;
        (!is_odd).then_some((*self.content.get(row)?, *self.hashed.get(row)?))
    }

    /// Reads a column of the map.
    pub(super) fn column<R, C>(
        &mut self,
        cells: &Cells,
        column: usize,
        reading: &Read<R, C>,
    ) -> Column
    where
        R: Fn(&Cell<'_>, usize) -> Result<Value, CellProblem>,
        C: Fn(&mut Value) -> Result<u32, String>,
    {
        match cells.codes(column) {
            Some((codes, different)) if reading.is_shared => {
                self.coded(cells, (column, codes, different), reading)
            }
            _ if reading.is_shared && cells.is_text(column) => {
                self.interned(cells, column, reading)
            }
            _ => {
                let values = (0..cells.len()).map(|row| {
                    let (value, known) = self.read((cells, column, row), reading);
                    self.note(row, known);
                    value
                });
                Column::Plain(values.collect())
            }
        }
    }

    /// A column whose rows share values already.
    fn coded<R, C>(
        &mut self,
        cells: &Cells,
        (column, codes, different): (usize, &[u32], usize),
        reading: &Read<R, C>,
    ) -> Column
    where
        R: Fn(&Cell<'_>, usize) -> Result<Value, CellProblem>,
        C: Fn(&mut Value) -> Result<u32, String>,
    {
        let mut values = Vec::new();
        // The last is of rows without a value.
        let mut all: Vec<Option<Known>> = vec![None; different + 1];
        let mut of_rows = Vec::with_capacity(codes.len());
        for (row, code) in codes.iter().enumerate() {
            let place = usize::try_from(*code).unwrap_or(different).min(different);
            let known = match all.get(place).copied().flatten() {
                Some(known) => known,
                None => {
                    let (value, mut known) = self.read((cells, column, row), reading);
                    known.code = push(&mut values, value);
                    if let Some(place) = all.get_mut(place) {
                        *place = Some(known);
                    }
                    known
                }
            };
            self.note(row, known);
            of_rows.push(known.code);
        }
        Column::Coded { codes: of_rows, values }
    }

    /// A column of texts.
    fn interned<R, C>(&mut self, cells: &Cells, column: usize, reading: &Read<R, C>) -> Column
    where
        R: Fn(&Cell<'_>, usize) -> Result<Value, CellProblem>,
        C: Fn(&mut Value) -> Result<u32, String>,
    {
        let mut values = Vec::new();
        let mut all: HashMap<Option<Text>, Known, ahash::RandomState> = HashMap::default();
        let mut codes = Vec::with_capacity(cells.len());
        for row in 0..cells.len() {
            let text = cells.cell(column, row).ok().and_then(|cell| cell.text());
            let known = match all.get(&text) {
                Some(known) => *known,
                None => {
                    let (value, mut known) = self.read((cells, column, row), reading);
                    known.code = push(&mut values, value);
                    all.insert(text, known);
                    known
                }
            };
            self.note(row, known);
            codes.push(known.code);
        }
        Column::Coded { codes, values }
    }

    fn read<R, C>(
        &self,
        (cells, column, row): (&Cells, usize, usize),
        reading: &Read<R, C>,
    ) -> (Value, Known)
    where
        R: Fn(&Cell<'_>, usize) -> Result<Value, CellProblem>,
        C: Fn(&mut Value) -> Result<u32, String>,
    {
        let odd = Known { code: 0, hash: 0, hashed: 0, is_odd: true };
        let cell = cells.cell(column, row);
        let Ok(mut value) = cell.and_then(|cell| (reading.read)(&cell, row)) else {
            return (Value::Missing, odd);
        };
        let hash = self.hash(&value);
        match (reading.check)(&mut value) {
            Ok(hashed) => (value, Known { code: 0, hash, hashed, is_odd: false }),
            Err(_problem) => (Value::Missing, odd),
        }
    }

    fn note(&mut self, row: usize, known: Known) {
        if let Some(is_odd) = self.is_odd.get_mut(row) {
            *is_odd |= known.is_odd;
        }
        if let Some(hashed) = self.hashed.get_mut(row) {
            *hashed += known.hashed;
        }
        if let Some(content) = self.content.get_mut(row) {
            *content = (content.rotate_left(5) ^ known.hash).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn hash(&self, value: &Value) -> u64 {
        let mut hasher = self.state.build_hasher();
        match value {
            Value::Missing => 0_u8.hash(&mut hasher),
            Value::Unknown => 1_u8.hash(&mut hasher),
            Value::Bool(truth) => (2_u8, truth).hash(&mut hasher),
            Value::Int(number) => (3_u8, number).hash(&mut hasher),
            Value::Float(number) => (4_u8, number.to_bits()).hash(&mut hasher),
            Value::Time(at) => (5_u8, at).hash(&mut hasher),
            Value::Text(text) => (6_u8, text.as_str()).hash(&mut hasher),
            Value::Texts(texts) => (7_u8, texts.len(), texts).hash(&mut hasher),
        }
        hasher.finish()
    }
}

/// Fixed: two replays of the same file do the same.
pub(super) fn content_state() -> ahash::RandomState {
    ahash::RandomState::with_seeds(1, 2, 3, 4)
}

fn push(values: &mut Vec<Value>, value: Value) -> u32 {
    values.push(value);
    u32::try_from(values.len() - 1).unwrap_or(u32::MAX)
}
