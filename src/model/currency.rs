//! ISO 4217 currencies and their exponents.
//!
//! The table has what money can be moved in: every active code that has a minor unit, the codes of
//! funds included. Left out are the codes without one (gold and the other metals, `XDR`, `XXX`, the
//! test code `XTS`): an amount in minor units of them means nothing. `ANG` and `BGN` were withdrawn in
//! 2025 and 2026 and stay, because disputes and histories still carry them.

use crate::model::value::Text;

/// A known currency: three capital letters and how many decimals its minor unit has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Currency {
    code: [u8; 3],
    exponent: u8,
}

/// The codes by the decimals of their minor unit: in order, four bytes apart.
const BY_EXPONENT: [(u8, &str); 4] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF "),
    (
        2,
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP \
         BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD \
         FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD \
         KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD \
         NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP \
         SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED \
         VES WST XCD XCG YER ZAR ZMW ZWG ",
    ),
    (3, "BHD IQD JOD KWD LYD OMR TND "),
    (4, "CLF UYW "),
];

// === impl Currency ===

impl Currency {
    /// The euro.
    pub const EUR: Self = Self { code: *b"EUR", exponent: 2 };

    /// The currency of that code, in any case; `None` when ISO 4217 has no active one.
    pub fn from_code(code: &str) -> Option<Self> {
        let mut code: [u8; 3] = code.as_bytes().try_into().ok()?;
        code.make_ascii_uppercase();
        let [first, second, third] = code;
        let code_and_space = [first, second, third, b' '];
        BY_EXPONENT.iter().find_map(|(exponent, codes)| {
            let (codes, _) = codes.as_bytes().as_chunks();
            codes.binary_search(&code_and_space).ok().map(|_| Self { code, exponent: *exponent })
        })
    }

    /// Every known currency.
    pub fn all() -> impl Iterator<Item = Self> {
        BY_EXPONENT
            .iter()
            .flat_map(|(_, codes)| codes.split_ascii_whitespace())
            .filter_map(Self::from_code)
    }

    /// The code in capital letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).unwrap_or_default()
    }

    /// The code as a field value.
    pub fn text(self) -> Text {
        Text::from(self.code())
    }

    /// The decimals of the minor unit: 2 for EUR, 0 for JPY, 3 for KWD.
    pub const fn exponent(self) -> u8 {
        self.exponent
    }
}
