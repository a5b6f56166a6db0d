//! ISO 4217 currencies and their exponents.

use crate::model::value::Text;

/// A known currency: three capital letters and how many decimals its minor unit has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency {
    code: [u8; 3],
    exponent: u8,
}

// === impl Currency ===

impl Currency {
    /// The currency of that code, in any case; `None` when ISO 4217 has no active one.
    pub fn from_code(code: &str) -> Option<Self> {
        let _ = code;
        None
    }

    /// The code in capital letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).unwrap_or_default()
    }

    /// The code as a field value.
    pub fn text(&self) -> Text {
        Text::from(self.code())
    }

    /// The decimals of the minor unit: 2 for EUR, 0 for JPY, 3 for KWD.
    pub const fn exponent(self) -> u8 {
        self.exponent
    }
}
