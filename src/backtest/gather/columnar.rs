//! A Parquet file in order of time becomes batches of payments column by column.
//!
//! A value that many rows share is read and checked once. A row with anything that is not plainly good
//! comes in as a row of any other file does, so that the same is told of it.

mod rows;

use super::Gathered;
use crate::backtest::cell::Cell;
use crate::backtest::entrance::{Arrived, Entered, Entrance, Told};
use crate::backtest::map::{AmountCurrency, Reading};
use crate::backtest::problem::BacktestError;
use crate::backtest::row::{About, Decoder};
use crate::backtest::source::{Batches, Cells, DataFile};
use crate::engine::history::RowOutcome;
use crate::model::columns::{Column, Columns, Slot};
use crate::model::currency::Currency;
use crate::model::field::Field;
use crate::model::intake::Intake;
use crate::model::outcome::Outcome;
use crate::model::time::Timestamp;
use crate::model::value::Value;
use rows::{Read, Rows, content_state};

/// Reads one file.
pub(in crate::backtest) struct Columnar<'a> {
    file: &'a DataFile,
    batches: Batches<'a>,
    decoder: Decoder<'a>,
    base: Currency,
    /// The currency of all amounts, where it is one.
    constant: Option<Currency>,
    state: ahash::RandomState,
}

/// The columns of some rows, checked.
struct Checked {
    cells: Cells,
    at: Vec<Timestamp>,
    columns: Columns,
    rows: Rows,
}

// === impl Columnar ===

impl<'a> Columnar<'a> {
    /// `None` where the file, or what its map asks for, must be read row by row.
    pub(in crate::backtest) fn open(
        file: &'a DataFile,
        base: Currency,
    ) -> Result<Option<Self>, BacktestError> {
        let map = file.map();
        let mut slots: Vec<&Slot> = map.slots.iter().map(|slot| &slot.slot).collect();
        slots.sort_unstable();
        let has = |field| slots.contains(&&Slot::Field(field));
        let names = slots.iter().filter_map(|slot| match slot {
            Slot::Attribute(name) => Some(name.as_str()),
            Slot::Field(_) => None,
        });
        let names: Vec<&str> = names.collect();
        // What one column adds to another is left to rows.
        let is_simple = map.is_of_payments()
            && map.amount.is_some()
            && has(Field::Id)
            && ![Field::Amount, Field::Currency, Field::AccountEmailDomain].into_iter().any(has)
            && slots.is_sorted_by(|one, next| one < next)
            && Intake::can_have_attributes(&names);
        if !is_simple {
            return Ok(None);
        }
        let batches = file.batches()?;
        Ok(batches.map(|batches| Self {
            file,
            batches,
            decoder: Decoder::new(map, base),
            base,
            constant: map.amount.as_ref().and_then(|amount| match amount.currency {
                AmountCurrency::Constant(currency) => Some(currency),
                AmountCurrency::Base => Some(base),
                AmountCurrency::Column(_) => None,
            }),
            state: content_state(),
        }))
    }

    /// The next batch; `None` after the last row.
    pub(super) fn next(
        &mut self,
        entrance: &mut Entrance<'a>,
        wanted: &[Slot],
    ) -> Result<Option<Gathered>, BacktestError> {
        let Some(cells) = self.batches.next().transpose()? else { return Ok(None) };
        let mut checked = self.check(cells, &entrance.intake);
        let mut gathered = Gathered::default();
        let (label_delay, outcome_delay) =
            (self.file.map().label_delay(), self.file.map().outcome_delay());
        for row in 0..checked.at.len() {
            let entered = match self.arrived(&checked, row, entrance) {
                Some(arrived) => {
                    entrance.counts.rows += 1;
                    let entered = entrance.enter(&arrived);
                    let bad_row = |problem| self.file.bad_row(checked.cells.line(row), problem);
                    let told = entrance.settled(entered, bad_row)?;
                    told.map(|told| (told, arrived.outcome))
                }
                None => self.slowly(&mut checked, row, entrance)?,
            };
            let (Some((told, outcome)), Some(at)) = (entered, checked.at.get(row)) else {
                continue;
            };
            if told.label == Some(true) {
                gathered.batch.frauds.push((row, at.plus(label_delay)));
            }
            let due = at.plus(outcome_delay);
            gathered.batch.outcomes.extend(outcome.map(|outcome| RowOutcome { row, due, outcome }));
            gathered.batch.rows.push(row);
            gathered.told.push(told);
        }
        self.note_present(&checked, &gathered.batch.rows, entrance);
        checked.complete(wanted);
        gathered.batch.at = checked.at;
        gathered.batch.columns = checked.columns;
        Ok(Some(gathered))
    }

    /// Reads and checks all columns.
    fn check(&self, cells: Cells, intake: &Intake) -> Checked {
        let map = self.file.map();
        let mut rows = Rows::new(cells.len());
        let mut at = Vec::with_capacity(cells.len());
        for row in 0..cells.len() {
            let time = self.decoder.time(|column| cells.cell(column, row));
            match time.ok().filter(|at| Entrance::is_plausible(*at)) {
                Some(time) => at.push(time),
                None => {
                    at.push(Timestamp::MIN);
                    rows.mark_odd(row);
                }
            }
        }
        let mut columns = Columns::new();
        for slot in &map.slots {
            let read = |cell: &Cell<'_>, _| cell.read(&slot.reading);
            let column = match &slot.slot {
                Slot::Field(field) => {
                    let check = |value: &mut Value| check(intake, *field, value);
                    // Every payment has another id.
                    let is_shared = *field != Field::Id;
                    rows.column(&cells, slot.column, &Read { read, check, is_shared })
                }
                Slot::Attribute(_) => {
                    let check = |value: &mut Value| intake.attribute(value);
                    rows.column(&cells, slot.column, &Read { read, check, is_shared: true })
                }
            };
            if slot.slot == Slot::Field(Field::AccountEmail) {
                columns.insert(&Slot::Field(Field::AccountEmailDomain), domains(&column));
            }
            columns.insert(&slot.slot, column);
        }
        self.amounts(&cells, intake, &mut rows, &mut columns);
        Checked { cells, at, columns, rows }
    }

    /// Reads and checks amounts and their currencies.
    fn amounts(&self, cells: &Cells, intake: &Intake, rows: &mut Rows, columns: &mut Columns) {
        let Some(amount) = &self.file.map().amount else { return };
        let read = |cell: &Cell<'_>, row| {
            let currency = match amount.currency {
                AmountCurrency::Constant(currency) => Some(currency),
                AmountCurrency::Base => Some(self.base),
                AmountCurrency::Column(column) => {
                    cells.cell(column, row)?.text().and_then(|code| Currency::from_code(&code))
                }
            };
            cell.amount(amount.unit, currency)
        };
        let check_amount = |value: &mut Value| check(intake, Field::Amount, value);
        let amounts = rows.column(
            cells,
            amount.column,
            &Read { read, check: check_amount, is_shared: false },
        );
        columns.insert(&Slot::Field(Field::Amount), amounts);
        let currencies = match amount.currency {
            AmountCurrency::Constant(currency) => Column::Same(Value::Text(currency.text())),
            AmountCurrency::Base => Column::Same(Value::Text(self.base.text())),
            AmountCurrency::Column(column) => {
                let read = |cell: &Cell<'_>, _| cell.read(&Reading::Text);
                let check = |value: &mut Value| check(intake, Field::Currency, value);
                rows.column(cells, column, &Read { read, check, is_shared: true })
            }
        };
        columns.insert(&Slot::Field(Field::Currency), currencies);
    }

    /// A row that is plainly good.
    fn arrived<'c>(
        &self,
        checked: &'c Checked,
        row: usize,
        entrance: &Entrance<'a>,
    ) -> Option<Arrived<'c>> {
        let (content, hashed) = checked.rows.plain(row)?;
        let of_row = |field| checked.columns.field(field).map(|column| column.get(row));
        let Some(Value::Text(id)) = of_row(Field::Id) else { return None };
        let attempt = of_row(Field::Attempt).map_or(Some(1), Value::as_int)?;
        let attempt = u32::try_from(attempt).ok()?;
        let currency = match self.constant {
            Some(currency) => Some(currency),
            None => Currency::from_code(of_row(Field::Currency)?.as_text()?),
        };
        let amount = of_row(Field::Amount)?.as_int()?;
        let cell = |column| checked.cells.cell(column, row);
        let label = self.decoder.label(cell).ok()?;
        let told = self.decoder.outcome(cell, currency).ok()?;
        let content = self.state.hash_one((content, label, told.as_deref().map(|told| told.key())));
        let outcome = told.map(|told| entrance.outcome(&told, id, attempt)).transpose().ok()?;
        Some(Arrived {
            caller_id: id,
            id,
            attempt,
            content,
            hashed,
            label,
            outcome,
            has_channel: of_row(Field::Channel).is_some_and(Value::is_present),
            amount_base: currency.and_then(|currency| entrance.amount_base(amount, currency)),
        })
    }

    /// A row that is not: it comes in by itself, and if it is taken after all, with all that it says.
    fn slowly(
        &self,
        checked: &mut Checked,
        row: usize,
        entrance: &mut Entrance<'a>,
    ) -> Result<Option<(Told, Option<Outcome>)>, BacktestError> {
        let line = checked.cells.line(row);
        let read = self.decoder.row(line, |column| checked.cells.cell(column, row));
        let read = read.map_err(|problem| self.file.bad_row(line, problem));
        let Some((from, read)) = entrance.row(0, read)? else { return Ok(None) };
        let About::Payment { label, outcome } = &read.about else { return Ok(None) };
        let entered = entrance.payment(from.map(), &read, *label, outcome.as_deref());
        let Some(entered) = entrance.done(from, &read, entered)? else { return Ok(None) };
        let Entered { payment, told, fraud: _, outcome } = entered;
        checked.columns.write(row, payment.fields());
        if let Some(at) = checked.at.get_mut(row) {
            *at = read.at;
        }
        Ok(Some((told, outcome.map(|(_, outcome)| outcome))))
    }
    /// Notes what the taken rows say.
    fn note_present(&self, checked: &Checked, taken: &[usize], entrance: &mut Entrance<'a>) {
        if taken.is_empty() {
            return;
        }
        let present = &mut entrance.counts.present;
        for field in [Field::Amount, Field::Currency] {
            present.field(field);
        }
        for slot in &self.file.map().slots {
            let says = |row: &usize| {
                checked.cells.cell(slot.column, *row).is_ok_and(|cell| !cell.is_missing())
            };
            if !present.has_slot(&slot.slot) && taken.iter().any(says) {
                present.slot(&slot.slot);
            }
        }
    }
}

// === impl Checked ===

impl Checked {
    /// Adds what is wanted and no column says.
    fn complete(&mut self, wanted: &[Slot]) {
        for slot in wanted {
            let Slot::Field(field) = slot else { continue };
            if self.columns.field(*field).is_some() {
                continue;
            }
            let column = if *field == Field::OccurredAt {
                Column::Plain(self.at.iter().copied().map(Value::Time).collect())
            } else if *field == Field::Attempt {
                Column::Same(Value::Int(1))
            } else {
                Column::Same(Intake::default_of(*field))
            };
            self.columns.insert(slot, column);
        }
    }
}

/// What the edge makes of a value of a row that is plainly good: how many card numbers are hashes now.
fn check(intake: &Intake, field: Field, value: &mut Value) -> Result<u32, String> {
    if field == Field::Attempt && !value.is_present() {
        *value = Value::Int(1);
    }
    let hashed = intake.value(field, value)?;
    let is_required = matches!(field, Field::Id | Field::Amount | Field::Currency);
    // The caller's own id is told where it is another than the one that is kept.
    if is_required && !value.is_present() || field == Field::Id && hashed > 0 {
        return Err("is not plainly good".to_owned());
    }
    Ok(hashed)
}

/// The domains of addresses.
fn domains(addresses: &Column) -> Column {
    let domain = |address: &Value| {
        let domain = address.as_text().and_then(Intake::email_domain);
        domain.map_or(Value::Missing, Value::Text)
    };
    match addresses {
        Column::Same(address) => Column::Same(domain(address)),
        Column::Coded { codes, values } => {
            Column::Coded { codes: codes.clone(), values: values.iter().map(domain).collect() }
        }
        Column::Plain(values) => Column::Plain(values.iter().map(domain).collect()),
    }
}
