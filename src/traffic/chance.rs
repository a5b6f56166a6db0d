//! Random draws that depend on a seed, a purpose and a number alone, so that anything can be drawn
//! again without being kept.

use rand::RngCore as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::model::time::Span;

/// A sequence of draws.
#[derive(Clone, Debug)]
pub(crate) struct Chance(ChaCha8Rng);

// === impl Chance ===

impl Chance {
    pub(crate) fn new(seed: u64, purpose: &str, number: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        hasher.update(&number.to_le_bytes());
        hasher.update(purpose.as_bytes());
        Self(ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()))
    }

    /// Any 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// From 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        float(self.bits() >> 11) / float(1 << 53)
    }

    /// Whether something happens that does in that share of cases.
    pub(crate) fn is(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    /// From 0 to below the bound, or 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // The upper half of a product is uniform up to a bias of 2^-64 times the bound.
        let product = u128::from(self.bits()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or_default()
    }

    /// From the least to the greatest, both included.
    pub(crate) fn between(&mut self, least: i64, greatest: i64) -> i64 {
        let choices = greatest.saturating_sub(least).cast_unsigned() + 1;
        least.saturating_add_unsigned(self.below(choices))
    }

    /// One of several.
    pub(crate) fn pick<T: Copy, const N: usize>(&mut self, choices: &[T; N]) -> T {
        const { assert!(N > 0, "one of none cannot be picked") };
        let place = usize::try_from(self.below(N as u64)).unwrap_or_default();
        choices.get(place).copied().unwrap_or(choices[0])
    }

    /// One of several by weight.
    pub(crate) fn weighted<T: Copy, const N: usize>(
        &mut self,
        choices: &[T; N],
        weight: impl Fn(&T) -> f64,
    ) -> T {
        const { assert!(N > 0, "one of none cannot be picked") };
        let mut rest = self.unit() * choices.iter().map(&weight).sum::<f64>();
        let found = choices.iter().find(|choice| {
            rest -= weight(choice);
            rest < 0.0
        });
        found.copied().unwrap_or(choices[0])
    }

    /// Around 1: half of the draws below, half above, spread by `sigma` in logarithms.
    pub(crate) fn log_normal(&mut self, sigma: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let angle = std::f64::consts::TAU * self.unit();
        (sigma * radius * angle.cos()).exp()
    }
}

/// A count as a float; exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
pub(crate) const fn float(number: u64) -> f64 {
    number as f64
}

/// A share of a span.
pub(crate) fn share_of(span: Span, share: f64) -> Span {
    Span::from_micros(whole(float(span.as_micros().unsigned_abs()) * share))
}

/// The place of a share in a count: the nearest whole number.
pub(crate) fn share_of_count(count: usize, share: f64) -> usize {
    usize::try_from(whole(float(count as u64) * share)).unwrap_or(0).min(count)
}

/// The nearest whole number; saturates.
#[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
pub(crate) const fn whole(number: f64) -> i64 {
    number.round() as i64
}
