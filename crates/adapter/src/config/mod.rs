//! The configuration file of prometheus-adapter: strict loading, with errors that name place and fix.
