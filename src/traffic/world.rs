//! The made-up world: where people live, where they buy, what they use. Round figures; no name, number or
//! address is anyone's.

/// Where someone is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) country: &'static str,
    pub(super) city: &'static str,
    pub(super) lat: f64,
    pub(super) lon: f64,
    /// Hours east of UTC.
    pub(super) zone_hours: i64,
    pub(super) currency: &'static str,
    /// Minor units for one cent of a euro.
    pub(super) minor_per_cent: f64,
    pub(super) weight: f64,
}

/// Where something is bought.
#[derive(Clone, Copy, Debug)]
pub(super) struct Merchant {
    pub(super) id: &'static str,
    pub(super) mcc: &'static str,
    pub(super) country: &'static str,
    /// Half of the payments are below, in cents of a euro.
    pub(super) typical_cents: f64,
    pub(super) ships: bool,
    pub(super) weight: f64,
}

macro_rules! places {
    ($count:literal: $($country:literal $city:literal $lat:literal $lon:literal $zone:literal $currency:literal $minor:literal $weight:literal;)+) => {
        pub(super) const PLACES: [Place; $count] = [$(Place {
            country: $country,
            city: $city,
            lat: $lat,
            lon: $lon,
            zone_hours: $zone,
            currency: $currency,
            minor_per_cent: $minor,
            weight: $weight,
        },)+];
    };
}

places! {
    14:
    "NL" "Amsterdam" 52.37 4.90 1 "EUR" 1.0 20.0;
    "NL" "Rotterdam" 51.92 4.48 1 "EUR" 1.0 12.0;
    "DE" "Berlin" 52.52 13.40 1 "EUR" 1.0 14.0;
    "DE" "Hamburg" 53.55 9.99 1 "EUR" 1.0 6.0;
    "BE" "Antwerp" 51.22 4.40 1 "EUR" 1.0 8.0;
    "FR" "Lyon" 45.76 4.84 1 "EUR" 1.0 7.0;
    "ES" "Valencia" 39.47 -0.38 1 "EUR" 1.0 4.0;
    "GB" "Leeds" 53.80 -1.55 0 "GBP" 0.86 9.0;
    "SE" "Uppsala" 59.86 17.64 1 "SEK" 11.0 4.0;
    "PL" "Gdansk" 54.35 18.65 1 "PLN" 4.25 4.0;
    "US" "Portland" 45.52 -122.68 -8 "USD" 1.15 6.0;
    "JP" "Sapporo" 43.06 141.35 9 "JPY" 1.7 2.0;
    "CN" "Chengdu" 30.57 104.07 8 "CNY" 8.3 3.0;
    "AU" "Hobart" -42.88 147.33 10 "AUD" 1.72 1.0;
}

macro_rules! merchants {
    ($count:literal: $($id:literal $mcc:literal $country:literal $typical:literal $ships:literal $weight:literal;)+) => {
        pub(super) const MERCHANTS: [Merchant; $count] = [$(Merchant {
            id: $id,
            mcc: $mcc,
            country: $country,
            typical_cents: $typical,
            ships: $ships,
            weight: $weight,
        },)+];
    };
}

merchants! {
    17:
    "m-grocer" "5411" "NL" 4200.0 true 18.0;
    "m-pharmacy" "5912" "NL" 2300.0 true 7.0;
    "m-fashion" "5651" "DE" 6900.0 true 14.0;
    "m-shoes" "5661" "DE" 8400.0 true 6.0;
    "m-books" "5942" "NL" 2100.0 true 7.0;
    "m-home" "5712" "NL" 12500.0 true 5.0;
    "m-garden" "5261" "BE" 5400.0 true 3.0;
    "m-electronics" "5732" "NL" 21000.0 true 6.0;
    "m-phones" "4812" "DE" 32000.0 true 2.0;
    "m-games" "5816" "SE" 1900.0 false 9.0;
    "m-streaming" "4899" "SE" 1199.0 false 8.0;
    "m-software" "5734" "US" 3900.0 false 4.0;
    "m-travel" "4722" "NL" 28000.0 false 2.0;
    "m-trains" "4112" "NL" 3400.0 false 5.0;
    "m-meals" "5812" "NL" 2700.0 false 9.0;
    "m-gift-cards" "5947" "NL" 5000.0 false 2.0;
    "m-charity" "8398" "NL" 1500.0 false 1.0;
}

pub(super) const BRANDS: [(&str, &str); 2] = [("visa", "4"), ("mastercard", "5")];
pub(super) const CHANNELS: [&str; 2] = ["psp-north", "psp-south"];
pub(super) const MAIL_DOMAINS: [&str; 4] =
    ["mail.example", "post.example", "inbox.example", "letters.example"];
pub(super) const DISPOSABLE_DOMAINS: [&str; 2] = ["disposable.example", "throwaway.example"];
pub(super) const FIRST_NAMES: [&str; 12] = [
    "Alva", "Bram", "Chidi", "Dewi", "Elif", "Femke", "Goran", "Hana", "Ivo", "Jing", "Kaya",
    "Lars",
];
pub(super) const LAST_NAMES: [&str; 12] = [
    "Achterberg",
    "Bosman",
    "Castell",
    "Dahl",
    "Eriksen",
    "Faber",
    "Groot",
    "Hoekstra",
    "Ito",
    "Jansen",
    "Kowal",
    "Lindt",
];
pub(super) const STREETS: [&str; 10] = [
    "Mill Lane",
    "Station Road",
    "Harbour Street",
    "Church Square",
    "Long Lane",
    "Market Street",
    "River Walk",
    "Garden Row",
    "North Quay",
    "School Street",
];
pub(super) const USER_AGENTS: [&str; 5] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) Mobile Safari",
    "Mozilla/5.0 (Linux; Android 16) Mobile Chrome/141",
    "Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/141",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_2) Safari",
    "Mozilla/5.0 (X11; Linux x86_64) Firefox/143",
];
/// What scripts that try cards call themselves.
pub(super) const SCRIPT_AGENTS: [&str; 2] =
    ["python-requests/2.32", "Mozilla/5.0 HeadlessChrome/138"];
