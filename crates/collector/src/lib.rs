//! What targets expose.
//!
//! Today this is [`exposition`], the text formats, read plainly and exactly: the measure for any faster way to read them.
//!
//! **Invariant:** no I/O, no task, no clock.

pub mod exposition;
