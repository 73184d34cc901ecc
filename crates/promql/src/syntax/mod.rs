//! The text of a query: tokens, tree, types, and the way back to text.
//!
//! Nothing here evaluates. The grammar is that of Prometheus 3.14 with every optional feature on.
//!
//! **Invariant:** no input panics; what is refused is refused with the place and the reason.

pub mod ast;
mod check;
pub mod error;
pub mod functions;
pub(crate) mod lexer;
mod number;
mod parser;
mod parser_duration;
mod parser_selector;
mod parser_suffix;
mod print;
mod strings;
pub(crate) mod token;

pub use error::{ParseError, Span};
pub use number::{format_g, format_value, parse_number};
pub use parser::{MAX_DEPTH, MAX_QUERY, parse};
pub(crate) use strings::unquote;
