//! What every engine is to the benchmark.

use crate::workload::Payment;

/// An engine with its rules compiled.
pub(crate) trait Engine {
    /// The places of the rules that fire, in ascending order. Binding the payment to what the engine reads
    /// is part of it.
    fn decide(&mut self, payment: &Payment, fired: &mut Vec<usize>);
}

/// Compiles the rules of that number.
pub(crate) type Build = fn(usize) -> Box<dyn Engine>;
