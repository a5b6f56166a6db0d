//! Replays history through the engine and scores a policy set against labels.
