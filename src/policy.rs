//! The policy language: what analysts write, checked whole and turned into an immutable [`set::PolicySet`].
//!
//! In reading order: files become source text ([`bundle`]), source becomes declarations ([`syntax`],
//! [`ast`]), declarations become a checked set ([`check`], [`ir`], [`set`]), and a set turns facts into
//! an evaluation ([`interpret`] gives expressions their meaning, [`program`] the same at native speed,
//! [`evaluate`] merges). Every problem on the way is a [`diagnostic`].
//! Only this room knows Rhai, and [`crate::testing`], which runs policy tests.

pub mod ast;
pub mod bundle;
pub mod check;
pub mod diagnostic;
pub mod evaluate;
pub mod interpret;
pub mod ir;
pub mod program;
pub mod set;
pub mod syntax;
