//! The durable journal: its bytes, its promises, and what it says of damage.

mod bytes;
mod damage;
mod entries;
mod faults;
mod fixture;
mod golden;
mod promises;
mod restarts;
