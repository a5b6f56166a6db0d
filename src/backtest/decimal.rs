//! Exact decimal numbers, for amounts: what is written is what is counted.

/// `digits × 10^-scale`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    digits: i128,
    scale: i32,
}

/// More digits than any amount has; a product with a power of ten below it fits 128 bits.
const DIGITS_MAX: usize = 30;

// === impl Decimal ===

impl Decimal {
    /// A whole number.
    pub const fn from_int(number: i64) -> Self {
        Self { digits: number as i128, scale: 0 }
    }

    /// The shortest decimal text that means this float; `None` when it is not finite.
    pub fn from_float(number: f64) -> Option<Self> {
        if !number.is_finite() {
            return None;
        }
        Self::hundredths(number)
            .or_else(|| Self::parse(&compact_str::format_compact!("{number:e}")))
    }

    /// A number of whole hundredths, as most amounts are. Of two texts of at most 15 digits no float is
    /// meant by both: the shortest text of this one says these hundredths.
    fn hundredths(number: f64) -> Option<Self> {
        let hundredths = (number * 100.0).round();
        let is_exact =
            hundredths.abs() < 1e15 && (hundredths / 100.0).to_bits() == number.to_bits();
        #[expect(clippy::cast_possible_truncation, reason = "a whole number far below 64 bits")]
        let digits = hundredths as i128;
        is_exact.then_some(Self { digits, scale: 2 })
    }

    /// Digits with an optional sign, point and exponent; `None` for all else.
    pub fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (is_negative, mantissa) = match mantissa.as_bytes().first()? {
            b'-' => (true, mantissa.get(1..)?),
            b'+' => (false, mantissa.get(1..)?),
            _ => (false, mantissa),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let fraction = fraction.trim_end_matches('0');
        let whole = whole.trim_start_matches('0');
        let is_digits = mantissa.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let has_digit = mantissa.bytes().any(|byte| byte.is_ascii_digit());
        let is_plain = is_digits && has_digit && !fraction.contains('.');
        if !is_plain || whole.len() + fraction.len() > DIGITS_MAX {
            return None;
        }
        let digits = whole
            .bytes()
            .chain(fraction.bytes())
            .fold(0, |digits, byte| digits * 10 + i128::from(byte - b'0'));
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        Some(Self { digits: if is_negative { -digits } else { digits }, scale })
    }

    /// The whole number, when it is one that fits.
    pub fn to_int(self) -> Option<i64> {
        let rounded = self.rounded(0)?;
        let is_exact = self.scale <= 0 || {
            let power = 10_i128.checked_pow(self.scale.unsigned_abs());
            self.digits == 0 || power.is_some_and(|power| self.digits % power == 0)
        };
        if is_exact { i64::try_from(rounded).ok() } else { None }
    }

    /// In minor units of a currency with that exponent, half to even.
    pub fn to_minor(self, exponent: u8) -> Option<i64> {
        i64::try_from(self.rounded(exponent)?).ok()
    }

    /// `self × 10^exponent`, rounded half to even.
    fn rounded(self, exponent: u8) -> Option<i128> {
        if self.digits == 0 {
            return Some(0);
        }
        let scale = self.scale.checked_sub(i32::from(exponent))?;
        if scale <= 0 {
            return self.digits.checked_mul(10_i128.checked_pow(scale.unsigned_abs())?);
        }
        // A power beyond 128 bits is far above twice any digits: nothing is left.
        let Some(power) = 10_i128.checked_pow(scale.unsigned_abs()) else { return Some(0) };
        let (below, rest) = (self.digits.div_euclid(power), self.digits.rem_euclid(power));
        Some(match rest.cmp(&(power - rest)) {
            std::cmp::Ordering::Less => below,
            std::cmp::Ordering::Greater => below + 1,
            std::cmp::Ordering::Equal => below + below.rem_euclid(2),
        })
    }
}
