//! The decision against recorded turns of the real controller, against its own properties, and as stories.

mod recorded;
