//! The decision against recorded turns of the real controller, and against its own properties.

mod explained;
mod lines;
mod printed;
mod properties;
mod recorded;
mod stories;
mod story_errors;
mod story_properties;
mod story_told;
mod versions;
