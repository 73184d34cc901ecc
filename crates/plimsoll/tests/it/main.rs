//! The built program against fakes: advice, bad input, reload, and where it does better than the original.
//!
//! Which row of which list is shown where stands at the head of each module.

mod advice;
mod bad_input;
mod better;
mod check;
mod guard;
mod life;
mod manners;
mod one_rule;
mod pages;
mod promql;
mod recorded;
mod stand;
