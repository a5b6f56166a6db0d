//! An estimate of how many different values there are, from 2^14 registers that each remember the rarest
//! hash they have seen (a `HyperLogLog`). The standard error is 0.81 %.

use crate::model::codec::{Codec, Input, Malformed, encode_slice};

const INDEX_BITS: u32 = 14;
const REGISTERS: usize = 1 << INDEX_BITS;
/// The rank of a hash whose other 50 bits are all zero.
const RANK_MAX: usize = 64 - INDEX_BITS as usize + 1;
/// A list beyond this is larger than the registers themselves.
const LIST_MAX: usize = 3_000;

/// The registers, and how often each rank stands in them, from which the estimate follows.
#[derive(Clone, Debug)]
pub(super) struct Sketch {
    registers: Vec<u8>,
    ranks: [u16; RANK_MAX + 1],
}

/// The same for a few values: a list of registers with their ranks.
#[derive(Clone, Debug)]
pub(super) enum Sparse {
    /// `register << 8 | rank`; sorted and without repeats up to `settled`.
    List { entries: Vec<u32>, settled: usize },
    /// All registers.
    Dense(Vec<u8>),
}

// === impl Sketch ===

impl Sketch {
    pub(super) fn new() -> Self {
        let mut ranks = [0; RANK_MAX + 1];
        ranks[0] = 1 << INDEX_BITS;
        Self { registers: vec![0; REGISTERS], ranks }
    }

    /// Takes a value by its hash.
    pub(super) fn add(&mut self, identity: u64) {
        let (register, rank) = split(identity);
        self.raise(register, rank);
    }

    /// Takes all values of another.
    pub(super) fn merge(&mut self, other: &Sparse) {
        match other {
            Sparse::List { entries, settled: _ } => {
                for entry in entries {
                    let (register, rank) = unpack(*entry);
                    self.raise(register, rank);
                }
            }
            Sparse::Dense(ranks) => {
                for (register, rank) in ranks.iter().enumerate() {
                    self.raise(register, *rank);
                }
            }
        }
    }

    /// How many different values it took, one more value included if given.
    pub(super) fn estimate(&self, also: Option<u64>) -> u64 {
        let mut ranks = self.ranks;
        if let Some((register, rank)) = also.map(split) {
            let known = self.registers.get(register).copied().unwrap_or_default();
            if rank > known {
                move_rank(&mut ranks, known, rank);
            }
        }
        estimate(&ranks)
    }

    fn raise(&mut self, register: usize, rank: u8) {
        let Some(known) = self.registers.get_mut(register) else { return };
        if rank > *known {
            move_rank(&mut self.ranks, *known, rank);
            *known = rank;
        }
    }
}

// === impl Sparse ===

impl Sparse {
    /// Takes a value by its hash.
    pub(super) fn add(&mut self, identity: u64) {
        let (register, rank) = split(identity);
        match self {
            Self::Dense(ranks) => {
                if let Some(known) = ranks.get_mut(register) {
                    *known = rank.max(*known);
                }
            }
            Self::List { entries, settled } => {
                entries.push(pack(register, rank));
                if entries.len() >= 2 * *settled + 32 {
                    // Descending, so that of one register the greatest rank stands first and stays.
                    entries.sort_unstable_by(|left, right| right.cmp(left));
                    entries.dedup_by_key(|entry| *entry >> 8);
                    *settled = entries.len();
                }
                if entries.len() > LIST_MAX {
                    let mut ranks = vec![0; REGISTERS];
                    for (register, rank) in entries.iter().map(|entry| unpack(*entry)) {
                        if let Some(known) = ranks.get_mut(register) {
                            *known = rank.max(*known);
                        }
                    }
                    *self = Self::Dense(ranks);
                }
            }
        }
    }
}

impl Default for Sparse {
    fn default() -> Self {
        Self::List { entries: Vec::new(), settled: 0 }
    }
}

/// The register of a hash, and how rare the rest of it is.
#[expect(clippy::cast_possible_truncation, reason = "both are masked or counted below 64")]
const fn split(identity: u64) -> (usize, u8) {
    let register = identity & (REGISTERS as u64 - 1);
    // The bit set on top bounds the count of zeros.
    let rest = (identity >> INDEX_BITS) | (1 << (64 - INDEX_BITS));
    (register as usize, rest.trailing_zeros() as u8 + 1)
}

#[expect(clippy::cast_possible_truncation, reason = "a register is below 2^14")]
const fn pack(register: usize, rank: u8) -> u32 {
    ((register as u32) << 8) | rank as u32
}

const fn unpack(entry: u32) -> (usize, u8) {
    ((entry >> 8) as usize, (entry & 0xff) as u8)
}

fn move_rank(ranks: &mut [u16; RANK_MAX + 1], from: u8, to: u8) {
    if let Some(count) = ranks.get_mut(usize::from(from)) {
        *count -= 1;
    }
    if let Some(count) = ranks.get_mut(usize::from(to)) {
        *count += 1;
    }
}

/// Ertl's improved estimator ("New cardinality estimation algorithms for `HyperLogLog` sketches", 2017):
/// unbiased from one value on, without tables.
fn estimate(ranks: &[u16; RANK_MAX + 1]) -> u64 {
    let all = f64::from(1_u16 << INDEX_BITS);
    let share = |rank: usize| ranks.get(rank).map_or(0.0, |count| f64::from(*count) / all);
    let mut sum = all * tau(1.0 - share(RANK_MAX));
    for rank in (1..RANK_MAX).rev() {
        sum = 0.5 * (sum + all * share(rank));
    }
    sum += all * sigma(share(0));
    let estimate = all * all / (2.0 * std::f64::consts::LN_2 * sum);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number between 0 and 2^64 is what is asked for"
    )]
    let rounded = estimate.round() as u64;
    rounded
}

fn sigma(share: f64) -> f64 {
    if share >= 1.0 {
        return f64::INFINITY;
    }
    let (mut power, mut weight, mut sum) = (share, 1.0, share);
    loop {
        power *= power;
        let before = sum;
        sum += power * weight;
        weight += weight;
        if sum <= before {
            return sum;
        }
    }
}

fn tau(share: f64) -> f64 {
    if share <= 0.0 || share >= 1.0 {
        return 0.0;
    }
    let (mut root, mut weight, mut sum) = (share, 1.0, 1.0 - share);
    loop {
        root = root.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - root) * (1.0 - root) * weight;
        if sum >= before {
            return sum / 3.0;
        }
    }
}

/// The ranks follow from the registers.
impl Codec for Sketch {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_slice(out, &self.registers);
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        let mut sketch = Self::new();
        for (register, rank) in registers(input.slice()?)?.iter().enumerate() {
            sketch.raise(register, *rank);
        }
        Ok(sketch)
    }
}

impl Codec for Sparse {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::List { entries, settled } => {
                out.push(1);
                entries.encode(out);
                settled.encode(out);
            }
            Self::Dense(ranks) => {
                out.push(2);
                encode_slice(out, ranks);
            }
        }
    }

    fn decode(input: &mut Input<'_>) -> Result<Self, Malformed> {
        Ok(match input.byte()? {
            1 => Self::List { entries: Codec::decode(input)?, settled: Codec::decode(input)? },
            2 => Self::Dense(registers(input.slice()?)?.to_vec()),
            number => return Err(Malformed::Newer { type_name: "Sparse", number }),
        })
    }
}

/// One rank a register, none beyond the greatest.
fn registers(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let is_whole = bytes.len() == REGISTERS && bytes.iter().all(|it| usize::from(*it) <= RANK_MAX);
    if is_whole { Ok(bytes) } else { Err(Malformed::Not("sketch")) }
}
