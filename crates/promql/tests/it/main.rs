//! PromQL as its users meet it: text in, series out.

mod bounds;
mod parser;
mod plans;
mod suite;
