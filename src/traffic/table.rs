//! Attempts as a table in a file, and the map that says what its columns mean.

mod column;
mod parquet;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use crate::model::value::Value;
use crate::traffic::Attempt;
use column::{COLUMNS, Source};

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The name does not say what kind of file it is.
    #[error("`{0}` must end in .csv, .jsonl, .ndjson or .parquet")]
    UnknownExtension(String),
    /// It could not be written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// It could not be written as CSV.
    #[error(transparent)]
    Csv(#[from] csv::Error),
    /// It could not be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It could not be written as Parquet.
    #[error(transparent)]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// Its columns do not fit together.
    #[error(transparent)]
    Arrow(#[from] arrow_schema::ArrowError),
}

/// Writes attempts to a file: CSV, JSON Lines or Parquet by its extension. A payment that is refunded says
/// `REFUNDED`, as a row has room for one outcome.
///
/// # Errors
/// [`TableError`]; a part of the file may be there then.
pub fn write(path: &Path, attempts: impl Iterator<Item = Attempt>) -> Result<(), TableError> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => write_csv(path, attempts),
        Some("jsonl" | "ndjson") => write_json(path, attempts),
        Some("parquet") => parquet::write(path, attempts),
        Some(_) | None => Err(TableError::UnknownExtension(path.display().to_string())),
    }
}

/// The map of such a file, for a backtest.
pub fn map_toml() -> String {
    let mut map = "# What the columns of the generated payments mean.\n\n[payment]\n".to_owned();
    for column in COLUMNS {
        let (key, value) = match column.source {
            Source::Field(field) => {
                let path = field.path();
                let key = path.strip_prefix("payment.").unwrap_or(path);
                let value = if key == "amount" {
                    format!(
                        "{{ column = \"{}\", unit = \"minor\", currency_column = \"currency\" }}",
                        column.name
                    )
                } else {
                    format!("\"{}\"", column.name)
                };
                (key.to_owned(), value)
            }
            Source::Items => (
                "attributes.items".to_owned(),
                format!("{{ column = \"{}\", type = \"int\" }}", column.name),
            ),
            Source::Scenario
            | Source::IsFraud
            | Source::OutcomeStatus
            | Source::OutcomeCode
            | Source::OutcomeLatency => continue,
        };
        if key != "currency" {
            // Writing to a string cannot fail.
            let _ = writeln!(map, "{key} = {value}");
        }
    }
    map.push_str(
        "\n[label]\nfraud = \"is_fraud\"\ndelay = \"7d\"\n\n\
         [outcome]\nstatus = \"outcome_status\"\ncode = \"outcome_code\"\n\
         latency_ms = \"outcome_latency_ms\"\ndelay = \"2s\"\n",
    );
    map
}

fn write_csv(path: &Path, attempts: impl Iterator<Item = Attempt>) -> Result<(), TableError> {
    let mut writer = csv::Writer::from_path(path)?;
    writer.write_record(COLUMNS.iter().map(|column| column.name))?;
    for attempt in attempts {
        for column in COLUMNS {
            writer.write_field(written(&column.source.value(&attempt)))?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    Ok(writer.flush()?)
}

fn write_json(path: &Path, attempts: impl Iterator<Item = Attempt>) -> Result<(), TableError> {
    let mut writer = BufWriter::new(File::create(path)?);
    for attempt in attempts {
        let mut separator = '{';
        for column in COLUMNS {
            let value = column.source.value(&attempt);
            let json = match &value {
                Value::Missing | Value::Unknown => continue,
                Value::Bool(truth) => serde_json::to_string(truth)?,
                Value::Int(number) => serde_json::to_string(number)?,
                Value::Float(number) => serde_json::to_string(number)?,
                Value::Time(_) | Value::Text(_) | Value::Texts(_) => {
                    serde_json::to_string(&written(&value))?
                }
            };
            write!(writer, "{separator}\"{}\":{json}", column.name)?;
            separator = ',';
        }
        writer.write_all(b"}\n")?;
    }
    Ok(writer.flush()?)
}

/// As a cell of a CSV file.
fn written(value: &Value) -> String {
    match value {
        Value::Missing | Value::Unknown => String::new(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Time(at) => at.to_string(),
        Value::Text(text) => text.to_string(),
        Value::Texts(texts) => texts.join("|"),
    }
}
