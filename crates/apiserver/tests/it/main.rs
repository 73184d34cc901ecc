//! Integration tests of the API server, one binary for all. Most run the server as a whole, over TLS on a free
//! port, with stand-ins for what it serves and whom it asks.

mod certificates;
mod cluster;
mod connections;
mod discovery;
mod floods;
mod messages;
mod paths;
mod pipeline;
mod recorded;
mod stand;
