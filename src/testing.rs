//! Runs the policy tests of a bundle on the real engine with a virtual clock.
