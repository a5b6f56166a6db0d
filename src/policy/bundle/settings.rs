//! `bundle.toml`: what a bundle is called, counts in and does when a rule does not say.

use jiff::tz::TimeZone;

use super::table::{Document, Entry, Table};
use super::{ChannelDef, FallbackTier, Files, OffSession, start_of};
use crate::model::currency::Currency;
use crate::model::field::Field;
use crate::model::limit::OnExpiry;
use crate::model::time::Span;
use crate::model::value::Text;
use crate::model::verdict::{OnError, Verdict};
use crate::policy::diagnostic::{Diagnostic, nearest};

const FILE: &str = "bundle.toml";

/// The days after which an entity whose features look back for all time goes, when the bundle does
/// not say.
const IDLE_DAYS: i64 = 400;

/// What `bundle.toml` says.
#[derive(Debug)]
pub(super) struct Settings {
    pub name: String,
    pub base_currency: Currency,
    pub time_zone: TimeZone,
    pub on_error: OnError,
    pub locale: Text,
    pub default_challenge: Text,
    pub challenge_off_session: OffSession,
    pub idle_max: Span,
    pub fallback: Vec<FallbackTier>,
    pub channels: Vec<ChannelDef>,
    pub on_expiry: OnExpiry,
}

const KEYS: [&str; 11] = [
    "name",
    "base_currency",
    "time_zone",
    "on_error",
    "locale",
    "default_challenge",
    "challenge_off_session",
    "idle_max",
    "on_expiry",
    "fallback",
    "channel",
];

/// Reads `bundle.toml`.
pub(super) fn read(files: &Files, diagnostics: &mut Vec<Diagnostic>) -> Settings {
    let mut settings = Settings {
        name: String::new(),
        base_currency: Currency::EUR,
        time_zone: TimeZone::UTC,
        on_error: OnError::Skip,
        locale: Text::from("en"),
        default_challenge: Text::from("3ds"),
        challenge_off_session: OffSession::Block,
        idle_max: Span::from_days(IDLE_DAYS),
        fallback: Vec::new(),
        channels: Vec::new(),
        on_expiry: OnExpiry::Release,
    };
    if !files.0.contains_key(FILE) {
        let problem = Diagnostic::error("missing-file", start_of(FILE), "`bundle.toml` is missing");
        diagnostics.push(
            problem.expecting("a `bundle.toml` with `name`, `base_currency` and `time_zone`"),
        );
    }
    if let Some(document) = Document::parse(files, FILE, diagnostics) {
        let root = document.root();
        root.refuse_unknown(&KEYS, diagnostics);
        settings.read_identity(&root, diagnostics);
        settings.read_defaults(&root, diagnostics);
        if let Some(entry) = root.get("fallback") {
            settings.fallback = fallback(entry, diagnostics);
        }
        if let Some(entry) = root.get("channel") {
            settings.channels = channels(entry, diagnostics);
        }
    }
    settings
}

// === impl Settings ===

impl Settings {
    fn read_identity(&mut self, root: &Table<'_>, diagnostics: &mut Vec<Diagnostic>) {
        if let Some(entry) = root.need("name", diagnostics)
            && let Some(name) = entry.full_text(diagnostics)
        {
            name.clone_into(&mut self.name);
        }
        if let Some(entry) = root.need("base_currency", diagnostics)
            && let Some(code) = entry.text(diagnostics)
            && let Some(currency) = currency(entry, code, diagnostics)
        {
            self.base_currency = currency;
        }
        if let Some(entry) = root.need("time_zone", diagnostics)
            && let Some(name) = entry.text(diagnostics)
        {
            match TimeZone::get(name) {
                Ok(zone) => self.time_zone = zone,
                Err(_) => diagnostics.push(unknown_zone(entry, name)),
            }
        }
    }

    fn read_defaults(&mut self, root: &Table<'_>, diagnostics: &mut Vec<Diagnostic>) {
        const ON_ERROR: [(&str, OnError); 3] =
            [("skip", OnError::Skip), ("challenge", OnError::Challenge), ("block", OnError::Block)];
        const OFF_SESSION: [(&str, OffSession); 3] = [
            ("block", OffSession::Block),
            ("allow", OffSession::Allow),
            ("review", OffSession::Review),
        ];
        if let Some(entry) = root.get("on_error")
            && let Some(on_error) = entry.choice(&ON_ERROR, diagnostics)
        {
            self.on_error = on_error;
        }
        if let Some(entry) = root.get("challenge_off_session")
            && let Some(choice) = entry.choice(&OFF_SESSION, diagnostics)
        {
            self.challenge_off_session = choice;
        }
        if let Some(entry) = root.get("on_expiry") {
            const ON_EXPIRY: [(&str, OnExpiry); 2] =
                [("release", OnExpiry::Release), ("confirm", OnExpiry::Confirm)];
            if let Some(on_expiry) = entry.choice(&ON_EXPIRY, diagnostics) {
                self.on_expiry = on_expiry;
            }
        }
        if let Some(entry) = root.get("locale")
            && let Some(locale) = entry.full_text(diagnostics)
            && is_locale(entry, locale, diagnostics)
        {
            self.locale = Text::from(locale);
        }
        if let Some(entry) = root.get("default_challenge")
            && let Some(method) = entry.full_text(diagnostics)
        {
            self.default_challenge = Text::from(method);
        }
        if let Some(entry) = root.get("idle_max")
            && let Some(text) = entry.text(diagnostics)
        {
            match Span::parse(text) {
                Ok(span) => self.idle_max = span,
                Err(problem) => diagnostics.push(
                    entry
                        .error("bad-duration", format!("`{text}` is not a duration: {problem}"))
                        .expecting("a duration such as \"400d\""),
                ),
            }
        }
    }
}

/// The currency of a code, or a problem.
pub(super) fn currency(
    entry: Entry<'_>,
    code: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Currency> {
    let currency = Currency::from_code(code);
    if currency.is_none() {
        diagnostics.push(
            entry
                .error("unknown-currency", format!("`{code}` is not a currency of ISO 4217"))
                .expecting("a code such as \"EUR\""),
        );
    }
    currency
}

/// Whether a text can be a locale.
pub(super) fn is_locale(entry: Entry<'_>, locale: &str, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let is_locale = super::reasons::is_locale(locale);
    if !is_locale {
        diagnostics.push(
            entry
                .error("bad-locale", format!("`{locale}` is not a locale"))
                .expecting("a language, such as \"en\" or \"zh-CN\""),
        );
    }
    is_locale
}

fn unknown_zone(entry: Entry<'_>, name: &str) -> Diagnostic {
    let known: Vec<String> =
        jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    let near = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
    entry
        .error("unknown-time-zone", format!("`{name}` is not a time zone"))
        .expecting("a name of the IANA database, such as \"Europe/Berlin\"")
        .suggesting(near)
}

fn fallback(entry: Entry<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<FallbackTier> {
    let verdicts = Verdict::ALL.map(|verdict| (verdict.name(), verdict));
    let mut tiers: Vec<FallbackTier> = Vec::new();
    for entry in entry.array(diagnostics) {
        let Some(table) = entry.table(diagnostics) else { continue };
        table.refuse_unknown(&["up_to", "verdict"], diagnostics);
        let amount = table.need("up_to", diagnostics);
        let verdict = table
            .need("verdict", diagnostics)
            .and_then(|verdict| verdict.choice(&verdicts, diagnostics));
        let Some(amount) = amount else { continue };
        let Some(up_to) = amount.integer(diagnostics) else { continue };
        if up_to < 0 {
            diagnostics.push(amount.error("bad-value", "must not be negative"));
        } else if tiers.last().is_some_and(|before| up_to <= before.up_to) {
            diagnostics.push(
                amount
                    .error("bad-value", "the tiers are not ascending")
                    .expecting("more than the tier before"),
            );
        } else if let Some(verdict) = verdict {
            tiers.push(FallbackTier { up_to, verdict });
        }
    }
    tiers
}

fn channels(entry: Entry<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<ChannelDef> {
    let mut channels: Vec<ChannelDef> = Vec::new();
    for entry in entry.array(diagnostics) {
        let Some(table) = entry.table(diagnostics) else { continue };
        table.refuse_unknown(&["id", "methods", "currencies", "regions", "cost"], diagnostics);
        let id = table.need("id", diagnostics);
        let mut texts =
            |key: &str| table.get(key).map_or_else(Vec::new, |entry| entry.texts(diagnostics));
        let (methods, currencies, regions) =
            (texts("methods"), texts("currencies"), texts("regions"));
        for (entry, method) in &methods {
            let words = Field::Method.known_words();
            if !words.contains(method) {
                let mut problem = entry
                    .error("unknown-word", format!("`{method}` is not a known method"))
                    .expecting(words.join(", "))
                    .suggesting(nearest(method, words.iter().copied()));
                problem.severity = crate::policy::diagnostic::Severity::Warning;
                diagnostics.push(problem);
            }
        }
        let currencies = currencies
            .iter()
            .filter_map(|(entry, code)| currency(*entry, code, diagnostics))
            .map(|currency| currency.text())
            .collect();
        let cost = table.get("cost").map_or(Some(0.0), |entry| {
            entry.number(diagnostics).filter(|cost| {
                let is_cost = 0.0 <= *cost;
                if !is_cost {
                    diagnostics.push(entry.error("bad-value", "must not be negative"));
                }
                is_cost
            })
        });
        let Some(id_entry) = id else { continue };
        let Some(id) = id_entry.full_text(diagnostics) else { continue };
        if channels.iter().any(|channel| channel.id == id) {
            let message = format!("the channel `{id}` is declared twice");
            diagnostics.push(id_entry.error("duplicate-name", message));
            continue;
        }
        let plain = |texts: Vec<(Entry<'_>, &str)>| {
            texts.into_iter().map(|(_, text)| Text::from(text)).collect()
        };
        channels.push(ChannelDef {
            id: Text::from(id),
            methods: plain(methods),
            currencies,
            regions: plain(regions),
            cost: cost.unwrap_or_default(),
        });
    }
    channels
}
