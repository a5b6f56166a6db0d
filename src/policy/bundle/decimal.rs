//! Exact decimals, for rates: what is written is what is multiplied by.

/// A positive decimal: `digits` / 10^`scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    digits: i128,
    scale: u32,
}

/// How many digits a decimal may have: with them, any 64-bit amount can be multiplied exactly.
pub(super) const DIGITS_MAX: usize = 15;

// === impl Decimal ===

impl Decimal {
    /// Parses `"0.92"`: digits, and more of them behind a point. `None` for anything else, for zero,
    /// and beyond [`DIGITS_MAX`].
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = match text.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (text, ""),
        };
        let digits = format!("{whole}{fraction}");
        if whole.is_empty()
            || digits.len() > DIGITS_MAX
            || !digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            return None;
        }
        let scale = u32::try_from(fraction.len()).ok()?;
        digits.parse().ok().filter(|digits| *digits > 0).map(|digits| Self { digits, scale })
    }

    /// Whether it is 1.
    pub(super) fn is_one(self) -> bool {
        10_i128.checked_pow(self.scale) == Some(self.digits)
    }

    /// An amount of minor units with `from` decimals, times this, in minor units with `to` decimals:
    /// exact, then rounded half to even. `None` when it does not fit.
    pub(super) fn convert(self, amount: i64, from: u8, to: u8) -> Option<i64> {
        let power = |exponent: u32| 10_i128.checked_pow(exponent);
        let numerator = i128::from(amount).checked_mul(self.digits)?;
        let numerator = numerator.checked_mul(power(u32::from(to))?)?;
        let denominator = power(u32::from(from).checked_add(self.scale)?)?;
        let floor = numerator.checked_div_euclid(denominator)?;
        let twice_rest = numerator.checked_rem_euclid(denominator)?.checked_mul(2)?;
        let is_odd = floor.rem_euclid(2) == 1;
        let is_up = twice_rest > denominator || (twice_rest == denominator && is_odd);
        i64::try_from(floor.checked_add(i128::from(is_up))?).ok()
    }
}
