//! The subset of Go text/template that rules use, with delimiters `<<` and `>>`.
