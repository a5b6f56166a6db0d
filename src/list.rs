//! Lists of values that policies look up: what the bundle's files say, and what was added or removed
//! since.
