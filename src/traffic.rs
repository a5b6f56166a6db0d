//! Labelled synthetic payments: everyday traffic mixed with known fraud patterns.
