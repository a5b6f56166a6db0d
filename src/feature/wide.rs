//! Unsigned integers of 256 bits, as far as an exact variance needs them.

use crate::model::codec::record;

/// `high * 2^128 + low`. No operation can overflow for fewer than 2^63 squares of 64-bit integers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wide {
    high: u128,
    low: u128,
}

// === impl Wide ===

impl Wide {
    /// The product of two numbers.
    pub(super) const fn product(left: u128, right: u128) -> Self {
        let (left_high, left_low) = (left >> 64, left & u64::MAX as u128);
        let (right_high, right_low) = (right >> 64, right & u64::MAX as u128);
        let low = left_low * right_low;
        let (middle, carried) = (left_high * right_low).overflowing_add(left_low * right_high);
        let high = left_high * right_high + (middle >> 64) + ((carried as u128) << 64);
        let base = Self { high, low };
        base.plus(Self { high: 0, low: middle << 64 })
    }

    /// The sum.
    #[must_use]
    pub(super) const fn plus(self, other: Self) -> Self {
        let (low, carried) = self.low.overflowing_add(other.low);
        let high = self.high.wrapping_add(other.high).wrapping_add(if carried { 1 } else { 0 });
        Self { high, low }
    }

    /// The sum with the square of a number.
    #[must_use]
    pub(super) const fn plus_square(self, number: i64) -> Self {
        let size = number.unsigned_abs() as u128;
        self.plus(Self { high: 0, low: size * size })
    }

    /// The difference; zero when `other` is greater.
    #[must_use]
    pub(super) const fn minus(self, other: Self) -> Self {
        let (low, borrowed) = self.low.overflowing_sub(other.low);
        match self.high.checked_sub(other.high) {
            None => Self { high: 0, low: 0 },
            Some(0) if borrowed => Self { high: 0, low: 0 },
            Some(high) => Self { high: if borrowed { high - 1 } else { high }, low },
        }
    }

    /// The product with a count.
    #[must_use]
    pub(super) fn times(self, count: u64) -> Self {
        let mut product = Self::product(self.low, u128::from(count));
        product.high = product.high.wrapping_add(self.high.wrapping_mul(u128::from(count)));
        product
    }

    /// The nearest float, or one next to it.
    #[expect(clippy::cast_precision_loss, reason = "rounding is what is asked for")]
    pub(super) const fn to_float(self) -> f64 {
        const HALF: f64 = (1_u128 << 64) as f64;
        self.high as f64 * HALF * HALF + self.low as f64
    }
}

record!(Wide { 1 high, 2 low });

#[cfg(test)]
mod tests {
    use super::Wide;

    #[test]
    fn a_product_carries_through_all_four_quarters() {
        let square = Wide::product(u128::MAX, u128::MAX);
        assert_eq!(square, Wide { high: u128::MAX - 1, low: 1 });
        assert_eq!(Wide::product(1 << 100, 1 << 100), Wide { high: 1 << 72, low: 0 });
    }

    #[test]
    fn squares_of_the_least_integer_add_up() {
        let mut squares = Wide::default();
        for _ in 0..5 {
            squares = squares.plus_square(i64::MIN);
        }
        assert_eq!(squares, Wide { high: 1, low: 1 << 126 });
        assert_eq!(squares.times(3).minus(squares).minus(squares), squares);
    }
}
