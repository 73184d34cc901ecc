//! The adapter against a back-end and a cluster of the tests' own; the Prometheus client against real sockets.

mod custom;
mod external;
mod hostile;
mod load;
mod patterns;
mod prometheus;
mod relist;
mod resource;
mod world;
